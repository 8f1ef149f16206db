import { markedMetadata } from '../../definitions/metadata/fields.ts'
import type { MetadataValue } from '../../definitions/metadata/index.ts'
import { moment } from '../../definitions/moment.ts'
import { harmless } from '../argument.ts'
import { formatTable, printable } from '../table-output.ts'

/** An entry of metadata as the terminal shows it: on one line, or indented below its name. Plain JSON stays what it is. */
export function metadataLines(name: string, stored: unknown): string {
  const marked = markedMetadata(stored)
  const text = marked === undefined ? JSON.stringify(stored) : textOf(marked)
  const lines = harmless(text).trimEnd().split('\n')
  return lines.length === 1 ? `  ${printable(name)}: ${lines[0] ?? ''}\n` : `  ${printable(name)}:\n${lines.map((line) => `    ${line}\n`).join('')}`
}

function textOf(metadata: MetadataValue): string {
  switch (metadata.type) {
    case 'text':
    case 'markdown':
      return `${metadata.value}${metadata.cutFrom === undefined ? '' : `… (${String(metadata.value.length)} of ${String(metadata.cutFrom)} characters)`}`
    case 'timestamp':
      return moment(metadata.value)
    case 'json':
      return JSON.stringify(metadata.value, null, 2)
    case 'table':
      return tableText(metadata.value)
    case 'tableSchema':
      return `${formatTable(
        [{ name: 'column' }, { name: 'type' }, { name: 'null' }, { name: 'description' }],
        metadata.value.columns.map((one) => [one.name, one.type, one.nullable === undefined ? '' : one.nullable ? 'allowed' : 'no', one.description ?? '']),
      )}${cutNote(metadata.value.columns.length, metadata.value.cutFrom, 'columns')}`
    case 'columnLineage':
      return `${metadata.value.columns.map(({ column, from }) => `${column}: ${from.map((one) => `${one.column} of ${one.asset}`).join(', ') || 'nothing'}\n`).join('')}${cutNote(metadata.value.columns.length, metadata.value.cutFrom, 'columns')}`
    case 'asset':
    case 'bool':
    case 'float':
    case 'int':
    case 'job':
    case 'null':
    case 'path':
    case 'run':
    case 'url':
      break
  }
  return String(metadata.value)
}

function tableText({ columns, rows, cutFrom }: Extract<MetadataValue, { type: 'table' }>['value']): string {
  const table = formatTable(
    columns.map((name, index) => ({ name, align: rows.some((row) => typeof row[index] === 'number') ? ('right' as const) : ('left' as const) })),
    rows.map((row) => row.map((cell) => (cell === null ? '' : String(cell)))),
  )
  return `${table}${cutNote(rows.length, cutFrom?.rows, 'rows')}${cutNote(columns.length, cutFrom?.columns, 'columns')}`
}

function cutNote(kept: number, from: number | undefined, what: string): string {
  return from === undefined || from === kept ? '' : `(the first ${String(kept)} of ${String(from)} ${what})\n`
}
