import { html } from './html.ts'
import type { Html, HtmlValue } from './html.ts'

export interface Column {
  readonly name: string
  /** `number` stands to the right. */
  readonly as?: 'number' | 'moment' | 'extreme'
  /** What it is called is only read aloud. */
  readonly unseen?: boolean
}

export interface Row {
  /** The first names the row. */
  readonly cells: readonly HtmlValue[]
  /** What stands below it, over its whole width. */
  readonly below?: readonly (Html | null)[]
}

export interface TableOptions {
  /** Read aloud; of a table within another it is seen. */
  readonly caption: HtmlValue
  readonly inner?: boolean
  readonly columns: readonly (string | Column)[]
  readonly rows: readonly (readonly HtmlValue[] | Row)[]
}

/** A table whose rows are named by their first cell. On a narrow screen each cell is told with the name of its column. */
export function table({ caption, inner = false, columns: given, rows }: TableOptions): Html {
  const columns = given.map((one): Column => (typeof one === 'string' ? { name: one } : one))
  return html`<table${inner ? html` class="inner"` : null}>
    <caption${inner ? null : html` class="unseen"`}>
      ${caption}
    </caption>
    <thead>
      <tr>
        ${columns.map(({ name, as, unseen }) => html`<th scope="col" ${as === 'number' ? html` class="number"` : null}>${unseen === true ? html`<span class="unseen">${name}</span>` : name}</th> `)}
      </tr>
    </thead>
    <tbody>
      ${rows.map((row) => ('cells' in row ? [line(columns, row.cells), (row.below ?? []).map((one) => wide(columns.length, one))] : line(columns, row)))}
    </tbody>
  </table>`
}

function line(columns: readonly Column[], [head, ...cells]: readonly HtmlValue[]): Html {
  return html`<tr>
    <th scope="row">${head}</th>
    ${cells.map((cell, index) => {
      const { name, as, unseen } = columns[index + 1] ?? { name: '' }
      return html`<td${unseen === true ? null : html` data-label="${name}"`}${as === undefined ? null : html` class="${as}"`}>${cell}</td> `
    })}
  </tr>`
}

function wide(columns: number, content: Html | null): Html | null {
  if (content === null) return null
  return html`<tr class="wide">
    <td colspan="${columns}">${content}</td>
  </tr>`
}
