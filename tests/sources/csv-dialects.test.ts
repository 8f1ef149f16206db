import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { CsvDialect } from '../../src/definitions/page.ts'
import { dialectOf } from '../../src/sources/formats/csv-options.ts'
import { parsePage } from '../../src/sources/parse-page.ts'
import { recordCutter } from '../../src/sources/record-cutter.ts'
import type { CutPage } from '../../src/sources/record-holder.ts'

const columns = ['a', 'b']

/** A dialect, and what its lines end with. */
const dialects = fc
  .record({
    delimiter: fc.constantFrom(',', ';', '\t', '|', '\u0001'),
    quote: fc.constantFrom('"', "'", null),
    escape: fc.constantFrom(undefined, '\\'),
    comment: fc.constantFrom(undefined, '#'),
    nullText: fc.constantFrom(undefined, '', '\\N'),
    trim: fc.boolean(),
    end: fc.constantFrom('\n', '\r\n', '\r'),
  })
  .map(({ end, escape, comment, nullText, ...rest }) => {
    const dialect: CsvDialect = {
      ...rest,
      lineBreak: end === '\r' ? 'cr' : 'lf',
      ...(escape === undefined || rest.quote === null ? {} : { escape }),
      ...(comment === undefined ? {} : { comment }),
      ...(nullText === undefined ? {} : { nullText }),
    }
    return { dialect, end }
  })

const values = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.constantFrom('', 'a"\nb', "a'\rb'\n", 'a"b', "it's", 'x\ny', 'x\ry', 'p,q;r|s\tt', '"', '\r\n', 'é🚀', '#', ' ', '\\', '\\N', "'"),
)

/** A value as the dialect writes it; one that it cannot say without quotes becomes a plain one. */
function written(
  value: string | null,
  { quote = '"', escape, delimiter = ',', nullText, trim }: CsvDialect,
  always: boolean,
): { text: string; value: string | null } {
  if (value === null) return { text: nullText ?? '', value: nullText === undefined ? '' : null }
  if (quote === null) {
    const plain = value.replaceAll(/\s/g, '').replaceAll(delimiter, '').replaceAll('#', '')
    return { text: plain, value: plain === nullText ? null : plain }
  }
  const special = [delimiter, quote, '\n', '\r', '#', ...(trim === true ? [' ', '\t'] : [])]
  const needed =
    always || value === nullText || value.trim() !== value || special.some((one) => value.includes(one)) || (escape !== undefined && value.includes(escape))
  if (!needed) return { text: value, value }
  const doubled = escape === undefined ? value.replaceAll(quote, quote + quote) : value.replaceAll(/[\\]/g, '\\\\').replaceAll(quote, `\\${quote}`)
  return { text: `${quote}${doubled}${quote}`, value }
}

/** Pushes bytes as they may arrive. */
function cutInto(
  bytes: Buffer,
  sizes: readonly number[],
  options: Parameters<typeof recordCutter>[0],
): { pages: CutPage[]; openQuoteLine: number | undefined } {
  const cutter = recordCutter(options)
  const pages: CutPage[] = []
  const take = () => {
    for (let page = cutter.shift(); page !== undefined; page = cutter.shift()) pages.push(page)
  }
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1
    cutter.push(bytes.subarray(at, at + size))
    at += size
    take()
  }
  const { openQuoteLine } = cutter.end()
  take()
  return { pages, openQuoteLine }
}

const arrivals = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 })
/** Two values, quoted at need or always, with a comment line before them or not. */
const rowsOf = fc.array(fc.tuple(fc.option(values), fc.option(values), fc.boolean(), fc.boolean()), { minLength: 1, maxLength: 12 })

test('however the bytes of a dialect arrive, the same records come out, never cut', () => {
  fc.assert(
    fc.property(rowsOf, dialects, arrivals, fc.integer({ min: 1, max: 60 }), (rows, { dialect, end }, sizes, pageBytes) => {
      const { delimiter = ',', trim, comment } = dialect
      const around = trim === true ? ' ' : ''
      const lines: string[] = []
      const expected: Record<string, string | null>[] = []
      for (const [a, b, always, commented] of rows) {
        if (commented && comment !== undefined) lines.push(`${comment} quotes open nothing here:${delimiter}${dialect.quote ?? '"'}open`)
        const [first, second] = [written(a, dialect, always), written(b, dialect, always)]
        lines.push(`${around}${first.text}${around}${delimiter}${around}${second.text}${around}`)
        expected.push({ a: first.value, b: second.value })
      }
      const text = lines.map((line) => line + end).join('')
      const { pages, openQuoteLine } = cutInto(Buffer.from(text), sizes, { pageBytes, maxRecordBytes: 1000, dialect, name: 'x' })
      expect(openQuoteLine).toBeUndefined()
      const lineBreak = end === '\r' ? '\r' : '\n'
      let line = 1
      let offset = 0
      let count = 0
      for (const page of pages) {
        expect(page.firstLine).toBe(line)
        const { records, locate } = parsePage({ ...page, format: { kind: 'csv', columns, ...dialectOf(dialect, 'x') } })
        expect(records).toEqual(expected.slice(count, count + records.length))
        for (const index of records.keys()) {
          const before = page.body.toString('utf8').split(lineBreak)
          const [, number = ''] = /\(line (\d+)\)/.exec(locate(index)) ?? []
          expect(before[Number(number) - line]).toBeDefined()
        }
        count += records.length
        line += page.body.toString('latin1').split(lineBreak).length - 1
        offset += page.body.length
        expect([page.end, page.endLine]).toEqual([offset, line])
      }
      expect(count).toBe(expected.length)
    }),
    { numRuns: 600 },
  )
})

test('a row of a dialect that is wrong never takes a good one with it, wherever it stands', () => {
  fc.assert(
    fc.property(
      dialects,
      fc.array(fc.oneof(fc.stringMatching(/^[a-z ]{0,5}$/), fc.integer({ min: 0, max: 4 })), { maxLength: 30 }),
      ({ dialect, end }, rows) => {
        const { delimiter = ',', quote } = dialect
        const q = quote ?? '"'
        // A quote after a letter opens nothing, so none of these is the beginning of a longer row.
        const wrong = ['1', `1${delimiter}2${delimiter}3`, ...(quote === null ? [] : [`x${q}y${delimiter}1`, `x${q}`, `1${delimiter}${q}y${q}z`])]
        const lines = rows.map((row, index) => (typeof row === 'number' ? (wrong[row % wrong.length] ?? '') : `${String(index)}${delimiter}${q}v${row}w${q}`))
        const faults: (readonly [number, string])[] = []
        const { records } = parsePage(
          { body: Buffer.from(lines.map((line) => line + end).join('')), format: { kind: 'csv', columns, ...dialectOf(dialect, 'x') } },
          { keepFault: ({ line, text }) => faults.push([line, text]) },
        )
        const value = (text: string) => (quote === null ? `"v${text}w"` : `v${text}w`)
        expect(records).toEqual(rows.flatMap((row, index) => (typeof row === 'number' ? [] : [{ a: String(index), b: value(row) }])))
        expect(faults).toEqual(rows.flatMap((row, index) => (typeof row === 'number' ? [[index, lines[index]]] : [])))
      },
    ),
    { numRuns: 200 },
  )
})

test('records over the limit are told apart from the others, however the bytes arrive', () => {
  const rows = fc.array(fc.oneof(fc.constant(5), fc.integer({ min: 90, max: 130 }), fc.integer({ min: 1, max: 400 })), { maxLength: 15 })
  fc.assert(
    fc.property(rows, arrivals, fc.integer({ min: 1, max: 300 }), fc.boolean(), (sizes, arriving, pageBytes, quoted) => {
      const lines = sizes.map((size) => (quoted ? `"${'\n'.repeat(size)}",1\n` : `${'x'.repeat(size)},1\n`))
      const { pages } = cutInto(Buffer.from(lines.join('')), arriving, { pageBytes, maxRecordBytes: 100, dialect: {}, name: 'x' })
      let line = 1
      let offset = 0
      const found: unknown[] = []
      for (const page of pages) {
        expect(page.firstLine).toBe(line)
        const format = page.oversized ?? { kind: 'csv' as const, columns }
        const { records } = parsePage({ ...page, format }, { keepFault: () => undefined })
        if (page.oversized === undefined) found.push(...records.map((record) => (record as { a: string }).a.length))
        else found.push(`${String(page.oversized.bytes)} in line ${String(line)} (byte ${String(offset)})`)
        const { at = '' } = page.oversized ?? {}
        expect(at).toBe(page.oversized === undefined ? '' : `line ${String(line)} (byte ${String(offset)}) of x`)
        expect(page.body.length).toBeLessThanOrEqual(page.oversized === undefined ? pageBytes + 200 : 1024)
        line = page.endLine
        offset = page.end
      }
      const places = lines.map((_, index) => lines.slice(0, index).join(''))
      const place = (index: number) => `in line ${String((places[index] ?? '').split('\n').length)} (byte ${String(Buffer.byteLength(places[index] ?? ''))})`
      expect(found).toEqual(lines.map((text, index) => (text.length > 100 ? `${String(text.length)} ${place(index)}` : sizes[index])))
      expect([offset, line]).toEqual([Buffer.byteLength(lines.join('')), lines.join('').split('\n').length])
    }),
    { numRuns: 200 },
  )
})
