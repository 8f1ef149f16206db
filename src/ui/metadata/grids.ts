import type { MetadataValue } from '../../definitions/metadata/index.ts'
import { count } from '../format.ts'
import { html } from '../html.ts'
import type { Html } from '../html.ts'

type ValueOf<Type extends MetadataValue['type']> = Extract<MetadataValue, { type: Type }>['value']

interface GridColumn {
  readonly name: string
  readonly number?: boolean
}

function grid(name: string, columns: readonly GridColumn[], rows: readonly (readonly (Html | string | null)[])[], note: string | undefined): Html {
  return html`<table class="inner">
      <caption class="unseen">
        ${name}
      </caption>
      <thead>
        <tr>
          ${columns.map((column) => html`<th scope="col" class="${column.number === true ? 'number' : ''}">${column.name}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) =>
            html`<tr>
              ${row.map((cell, index) => html`<td data-label="${columns[index]?.name}" class="${columns[index]?.number === true ? 'number' : ''}">${cell ?? html`<span class="quiet">null</span>`}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
    ${note === undefined ? null : html`<p class="quiet">${note}</p>`}`
}

export function valueTable(name: string, { columns, rows, cutFrom }: ValueOf<'table'>): Html {
  const isNumber = (index: number): boolean =>
    rows.some((row) => typeof row[index] === 'number') && rows.every((row) => row[index] === null || typeof row[index] === 'number')
  const note =
    cutFrom === undefined
      ? undefined
      : `The first ${count(rows.length)} of ${count(cutFrom.rows)} rows${columns.length === cutFrom.columns ? '' : ` and ${count(columns.length)} of ${count(cutFrom.columns)} columns`}.`
  return grid(
    name,
    columns.map((column, index) => ({ name: column, number: isNumber(index) })),
    rows.map((row) => columns.map((_, index) => (row[index] === null || row[index] === undefined ? null : String(row[index])))),
    note,
  )
}

const cutColumns = (kept: number, from: number | undefined): string | undefined =>
  from === undefined ? undefined : `The first ${count(kept)} of ${count(from)} columns.`

export function schemaTable(name: string, { columns, cutFrom }: ValueOf<'tableSchema'>): Html {
  return grid(
    name,
    [{ name: 'Column' }, { name: 'Type' }, { name: 'NULL' }, { name: 'Description' }],
    columns.map((one) => [one.name, html`<code>${one.type}</code>`, one.nullable === undefined ? '' : one.nullable ? 'allowed' : 'no', one.description ?? '']),
    cutColumns(columns.length, cutFrom),
  )
}

export function lineageTable(name: string, { columns, cutFrom }: ValueOf<'columnLineage'>): Html {
  return grid(
    name,
    [{ name: 'Column' }, { name: 'Made from' }],
    columns.map(({ column, from }) => [
      column,
      from.length === 0 ? '–' : html`${from.map((one) => html`<div>${one.column} of <code>${one.asset}</code></div>`)}`,
    ]),
    cutColumns(columns.length, cutFrom),
  )
}
