import type pg from 'pg'
import { layOut, printable } from '../table-output.ts'
import type { TableLayout } from '../table-output.ts'
import { readArray } from './array-literal.ts'
import type { ResultField, ResultPage } from './statement.ts'

/** Turns pages of a result into text, one after the other. */
export interface ResultFormat {
  page(page: ResultPage): Promise<string> | string
  end(command: string, rows: number, more: boolean): string
}

const numbers = new Set([20, 21, 23, 26, 700, 701, 790, 1700])

/** Aligned columns, as wide as the first page needs. */
export function tableFormat(): ResultFormat {
  let layout: TableLayout | undefined
  return {
    page({ fields, rows }) {
      if (fields.length === 0) return ''
      const cells = rows.map((row) => row.map((value) => (value === null ? 'NULL' : printable(value))))
      const first = layout === undefined
      layout ??= layOut(
        fields.map((field) => ({ name: field.name, align: numbers.has(field.type) ? 'right' : 'left' })),
        cells,
      )
      const { head, row } = layout
      return (first ? head : '') + cells.map((one) => row(one)).join('')
    },
    end: (command, rows, more) =>
      layout === undefined ? `${command} ${String(rows)}\n` : `(${String(rows)} ${rows === 1 ? 'row' : 'rows'}${more ? '; there are more' : ''})\n`,
  }
}

/** RFC 4180 with a heading; NULL is nothing, an empty text is "". */
export function csvFormat(): ResultFormat {
  let begun = false
  const cell = (value: string | null): string => (value === null ? '' : value === '' || /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value)
  const line = (values: readonly (string | null)[]): string => `${values.map(cell).join(',')}\n`
  return {
    page({ fields, rows }) {
      if (fields.length === 0) return ''
      const head = begun ? '' : line(fields.map((field) => field.name))
      begun = true
      return head + rows.map(line).join('')
    },
    end: () => '',
  }
}

/** One array of objects. Numbers, booleans, JSON and arrays are JSON's own, digit for digit as Postgres prints them; everything else is text. */
export function jsonFormat(client: Pick<pg.Client, 'query'>): ResultFormat {
  let begun = false
  const elements = new Map<number, { readonly element: number; readonly delimiter: string }>()
  const known = new Set<number>()
  const learn = async (fields: readonly ResultField[]): Promise<void> => {
    const unknown = fields.map((field) => field.type).filter((type) => !known.has(type))
    if (unknown.length === 0) return
    const { rows } = await client.query<{ oid: number; element: number; delimiter: string }>(
      `SELECT a.oid::int AS oid, e.oid::int AS element, e.typdelim AS delimiter FROM pg_type a JOIN pg_type e ON e.oid = a.typelem
       WHERE a.oid = ANY($1::oid[]) AND a.typcategory = 'A'`,
      [unknown],
    )
    for (const row of rows) elements.set(row.oid, row)
    for (const type of unknown) known.add(type)
  }
  const text = (value: string | null, type: number): string => {
    if (value === null) return 'null'
    const array = elements.get(type)
    if (array !== undefined) return readArray(value, array.delimiter, (one) => text(one, array.element))
    if (type === 16) return value === 't' ? 'true' : 'false'
    if (type === 114 || type === 3802) return value
    return numbers.has(type) && /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(value) ? value : JSON.stringify(value)
  }
  return {
    async page({ fields, rows }) {
      if (fields.length === 0) return ''
      await learn(fields)
      const lines = rows.map((row) => `{${fields.map((field, index) => `${JSON.stringify(field.name)}:${text(row[index] ?? null, field.type)}`).join(',')}}`)
      if (lines.length === 0) return ''
      const start = begun ? ',\n ' : '[\n '
      begun = true
      return start + lines.join(',\n ')
    },
    end: () => (begun ? '\n]\n' : '[]\n'),
  }
}
