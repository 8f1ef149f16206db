export interface TableColumn {
  readonly name: string
  readonly align?: 'left' | 'right'
}

/** A cell's text on one line: what would move the cursor is spelled out. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (one) => JSON.stringify(one).slice(1, -1))
}

/** How many columns of a terminal a text takes; exact but for East Asian and combined characters. */
function widthOf(text: string): number {
  return [...text].length
}

/** As much of a text as a line of a terminal has room for, in characters, with an ellipsis where it was cut. Whatever else reads it, a file or a program, gets all. */
export function shortened(text: string, most: number, terminal: boolean = process.stdout.isTTY): string {
  const characters = terminal && text.length > most ? [...text] : []
  return characters.length > most ? `${characters.slice(0, Math.max(0, most - 1)).join('')}…` : text
}

/** Prints rows as they come under headings. */
export interface TableLayout {
  readonly head: string
  readonly row: (cells: readonly string[]) => string
}

/** A table whose columns are as wide as these rows need; later ones may stand out. */
export function layOut(columns: readonly TableColumn[], rows: readonly (readonly string[])[]): TableLayout {
  const names = columns.map((column) => printable(column.name))
  const widths = names.map((name, index) => rows.reduce((width, row) => Math.max(width, widthOf(row[index] ?? '')), widthOf(name)))
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) => {
        const fill = ' '.repeat(Math.max(0, (widths[index] ?? 0) - widthOf(cell)))
        return columns[index]?.align === 'right' ? fill + cell : cell + fill
      })
      .join('  ')
      .trimEnd()
  return { head: `${line(names)}\n${widths.map((width) => '─'.repeat(width)).join('  ')}\n`, row: (cells) => `${line(cells)}\n` }
}

/** A whole small table. */
export function formatTable(columns: readonly TableColumn[], rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map(printable))
  const layout = layOut(columns, cells)
  return layout.head + cells.map((row) => layout.row(row)).join('')
}
