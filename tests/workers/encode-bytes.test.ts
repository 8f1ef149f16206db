import { isUtf8 } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import * as z from 'zod'
import { decimal } from '../../src/definitions/column-types.ts'
import { columnsOf } from '../../src/definitions/columns.ts'
import { fromText } from '../../src/definitions/from-text.ts'
import type { PageFormat } from '../../src/definitions/page.ts'
import { parsePage } from '../../src/sources/parse-page.ts'
import { compileEncoder } from '../../src/warehouse/encoder/compile-encoder.ts'
import type { EncoderOptions } from '../../src/warehouse/encoder/compile-encoder.ts'
import type { RowEncoder } from '../../src/warehouse/encoder/row-encoder.ts'
import { encodeCsvRows, textRowOf } from '../../src/workers/encode-csv.ts'
import { encodeJsonArray, encodeJsonLines } from '../../src/workers/encode-json.ts'
import { describe, expect, test } from '../support/test.ts'

// What is encoded from a page's bytes must be, byte for byte, what is encoded from the records that a parser makes of it; or the page is given up.

const Every = z.object({
  id: z.uuid(),
  text: z.string(),
  short: z.string().meta({ postgres: 'varchar(6)' }),
  size: z.enum(['S', "L'", 'ü']),
  refined: z.string().min(1),
  flag: z.boolean(),
  small: z.int32(),
  whole: z.int(),
  ratio: z.number(),
  amount: decimal(20, 6),
  moment: z.iso.datetime(),
  day: z.iso.date(),
  clock: z.iso.time(),
  json: z.json(),
  texts: z.array(z.string().nullable()),
  wholes: z.array(z.int()).nullish(),
  textOrNull: z.string().nullish(),
  flagOrNull: z.boolean().nullable(),
  wholeOr: z.int().default(7),
})
/** Two columns that only Postgres reads: the table goes by text COPY. */
const unread = { wait: z.string().meta({ postgres: 'interval' }), waits: z.array(z.string().nullable()).meta({ postgres: 'interval[]' }) }
const formats = { binary: Every, text: Every.extend(unread) } as const
type Format = keyof typeof formats
/** How often both are tried: what they have in common is the first one's to show. */
const runs = { binary: 150, text: 50 } as const

const seed = Number(process.env['SEED'] ?? randomBytes(4).readUInt32BE())
const nasty = fc.constantFrom('', ' ', '"', '\\', '\n', '\t', '😀', 'é', '\u2028', ',', '\u007f', 'null', '[', '}', 'x'.repeat(200))
const text = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 12 }), nasty, fc.stringMatching(/^[a-z0-9 .-]{0,40}$/))
const moment = fc
  .tuple(
    fc.date({ min: new Date('0002-01-01T00:00:00Z'), max: new Date('9998-12-31T00:00:00Z'), noInvalidDate: true }),
    fc.constantFrom('', '.5', '.123', '.123456', '.1234567'),
  )
  .map(([at, fraction]) => `${at.toISOString().slice(0, 19)}${fraction}Z`)
/** Decimals of any length, with and without sign, point and zeros at their ends; some too long for the column. */
const amount = fc.oneof(
  fc.integer().map((one) => String(one / 1000)),
  fc.stringMatching(/^-?\d{1,15}(?:\.\d{1,7})?$/),
  fc.stringMatching(/^-?0{1,6}(?:\.0{0,5}[0-9]?)?$/),
  fc.constantFrom('+1', '.5', '5.', '1e3', '99999999999999.999999', '-10000.0001', '100000000', '0.00001', '-0', '-', '.', '', '1.2.3'),
)
const good = {
  id: fc.uuid(),
  text,
  short: fc.string({ unit: 'grapheme-ascii', maxLength: 6 }),
  size: fc.constantFrom('S', "L'", 'ü'),
  refined: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 5 }),
  flag: fc.boolean(),
  small: fc.integer(),
  whole: fc.oneof(fc.maxSafeInteger(), fc.constant(-0)),
  ratio: fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer().map((one) => one / 1000),
  ),
  amount,
  moment,
  day: moment.map((one) => one.slice(0, 10)),
  clock: moment.map((one) => one.slice(11, 19)),
  json: fc.jsonValue({ maxDepth: 2 }),
  texts: fc.array(fc.option(text), { maxLength: 3 }),
  wholes: fc.option(fc.array(fc.integer(), { maxLength: 3 }), { nil: undefined }),
  textOrNull: fc.option(text),
  flagOrNull: fc.option(fc.boolean()),
}
const goodOf = (format: Format) => (format === 'binary' ? good : { ...good, wait: text, waits: fc.array(fc.option(text), { maxLength: 3 }) })
/** Mostly rows that fit; some with a value of another type, some without one, some with more names than the columns, in any order. */
function recordOf(format: Format) {
  const fields = goodOf(format)
  const keys = Object.keys(fields)
  return fc
    .tuple(
      fc.record(fields),
      fc.record({
        odd: fc.option(fc.tuple(fc.constantFrom(...keys), fc.jsonValue({ maxDepth: 1 })), { freq: 4 }),
        less: fc.option(fc.constantFrom(...keys), { freq: 4 }),
        more: fc.option(fc.tuple(fc.constantFrom('extra', 'ex"tra', 'é'), fc.jsonValue({ maxDepth: 2 })), { freq: 3 }),
        turned: fc.boolean(),
      }),
    )
    .map(([row, { odd, less, more, turned }]) => {
      const entries = Object.entries({ ...row, ...(odd === null ? {} : { [odd[0]]: odd[1] }) }).filter(([name]) => name !== less)
      if (more !== null) entries.splice(3, 0, more)
      return Object.fromEntries(turned ? entries.toReversed() : entries)
    })
}

interface Outcome {
  readonly bytes: string
  readonly rows: number
  readonly notes: unknown
  readonly refused: readonly unknown[]
}

const never = (): undefined => undefined

/** What an encoder was given, its stream as text that can be compared: in text COPY a number may be written in more ways than one. */
function outcomeOf(encoder: RowEncoder, schema: z.ZodObject, refused: readonly unknown[]): Outcome {
  const { rows, format } = encoder
  const notes = encoder.notes()
  const stream = Buffer.from(encoder.finish())
  if (format === 'binary') return { rows, notes, refused, bytes: stream.toString('hex') }
  const ratio = columnsOf(schema).findIndex(({ name }) => name === 'ratio')
  const lines = stream.toString().split('\n')
  expect(lines).toHaveLength(rows + 1)
  const same = lines.map((line) =>
    line
      .split('\t')
      .map((cell, index) => (index === ratio ? String(Number(cell)).replace(/^0$/, cell.replace(/[.0]+$/, '0')) : cell))
      .join('\t'),
  )
  return { rows, notes, refused, bytes: same.join('\n') }
}

const compile = (schema: z.ZodObject, options: EncoderOptions = {}): RowEncoder => compileEncoder(columnsOf(schema), schema, options)

function byParser(schema: z.ZodObject, body: Buffer, format: PageFormat, options: EncoderOptions): Outcome {
  const encoder = compile(schema, options)
  const refused: unknown[] = []
  const { records, locate } = parsePage({ body, format })
  for (const [index, given] of records.entries()) {
    const issues = encoder.encode(given)
    if (issues !== null) refused.push([given, issues, locate(index)])
  }
  return outcomeOf(encoder, schema, refused)
}

async function byBytes(schema: z.ZodObject, body: Buffer, format: PageFormat, options: EncoderOptions): Promise<Outcome | undefined> {
  const encoder = compile(schema, options)
  const refused: unknown[] = []
  const page = { body, encoder, maxRecordBytes: 1 << 20, taken: never, turn: never, parseLine: () => false }
  const refuse = (given: unknown, issues: unknown, place: string): boolean => refused.push([given, issues, place]) > 0
  const done = format.kind === 'json' ? await encodeJsonArray({ ...page, refuse }, format.path ?? []) : await encodeJsonLines({ ...page, refuse }, 1)
  return done ? outcomeOf(encoder, schema, refused) : undefined
}

describe.for(['binary', 'text'] as const)('a page of JSON, by %s', (kind) => {
  const schema = formats[kind]
  const record = recordOf(kind)
  const forms: readonly ((rows: readonly unknown[]) => [string, PageFormat])[] = [
    (rows) => [JSON.stringify(rows), { kind: 'json' }],
    (rows) => [JSON.stringify(rows, null, 2), { kind: 'json' }],
    (rows) => [`\uFEFF ${JSON.stringify({ next: { items: [1] }, data: { items: rows }, end: '"' })} `, { kind: 'json', path: ['data', 'items'] }],
    (rows) => [rows.map((row) => JSON.stringify(row).replaceAll(',"', ' , "')).join('\r\n\n'), { kind: 'jsonl' }],
  ]

  test('is encoded from its bytes as its parsed records are', async () => {
    for (const options of [{}, { unknownFields: 'discard_row' }] satisfies EncoderOptions[]) {
      for (const rows of fc.sample(fc.array(record, { maxLength: 12 }), { numRuns: runs[kind], seed })) {
        for (const form of forms) {
          const [document, format] = form(rows)
          const body = Buffer.from(document)
          const expected = byParser(schema, body, format, options)
          expect({ seed, document, ...(await byBytes(schema, body, format, options)) }).toEqual({ seed, document, ...expected })
        }
      }
    }
  })

  test('goes without the parser for every record but the first', () => {
    const encoder = compile(schema)
    expect(encoder.format).toBe(kind)
    const plain = fc.sample(fc.record(goodOf(kind)), { numRuns: 50, seed })
    encoder.meet(plain[0])
    const fits = plain.filter((row) => compile(schema).encode(JSON.parse(JSON.stringify(row))) === null)
    expect(fits.length).toBeGreaterThan(20)
    for (const row of fits) expect(encoder.encodeJson(Buffer.from(JSON.stringify(row)), 0), JSON.stringify(row)).toBeGreaterThan(0)
    expect(encoder.rows).toBe(fits.length)
  })

  test.each([
    ['a second array of the same name', (rows: string) => `{"data":{"items":${rows}},"data":{"items":[1]}}`],
    ['a second array of the same name, which is empty', (rows: string) => `{"data":{"items":${rows}},"data":{"items":[]}}`],
    ['no end', (rows: string) => `{"data":{"items":${rows}}`],
    ['something behind it', (rows: string) => `{"data":{"items":${rows}}} x`],
    ['a beginning that is no JSON', (rows: string) => `{"next":tru,"data":{"items":${rows}}}`],
    ['an unknown value that is no JSON', (rows: string) => `{"data":{"items":${rows.replace('{', '{"extra":tru,')}}}`],
    ['an unknown object that is no JSON', (rows: string) => `{"data":{"items":${rows.replace('{', '{"extra":{"a":01},')}}}`],
    [
      'a value out of its order that goes on',
      (rows: string) => `{"data":{"items":${rows.replace(/"id":("[^"]*"),(.*?)\}/, '$2,"id":$1}').replace('"flagOrNull":null', '"flagOrNull":nulls')}}}`,
    ],
  ])('with %s is given up', async (_, document) => {
    const row = {
      id: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
      text: '',
      short: '',
      size: 'S',
      refined: 'x',
      flag: true,
      small: 1,
      whole: 1,
      ratio: 1,
      amount: '1',
    }
    const more = { moment: '2024-01-01T00:00:00Z', day: '2024-01-01', clock: '10:00', json: 1, texts: [], flagOrNull: null, wait: '', waits: [] }
    const body = Buffer.from(document(JSON.stringify([{ ...row, ...more }])))
    const encoder = compile(schema)
    encoder.meet({ extra: 1, ...row, ...more })
    const page = { body, encoder, maxRecordBytes: 1 << 20, taken: never, turn: never, parseLine: () => false, refuse: () => true }
    expect(await encodeJsonArray(page, ['data', 'items'])).toBe(false)
  })

  // Whatever is cut out of a document or put into it: the bytes are never taken for another document than the parser's.
  test('that is damaged anywhere is given up, or is what the parser makes of it', async () => {
    const [rows = []] = fc.sample(fc.array(record, { minLength: 3, maxLength: 3 }), { numRuns: 1, seed })
    let given = 0
    for (const form of forms) {
      const [document, format] = form(rows)
      const whole = Buffer.from(document)
      const damages = fc.sample(fc.tuple(fc.nat(whole.length), fc.constantFrom('', ',', '"', '{', '}', ']', '\\', 'x', '0', ':', '\n', '\u0001')), {
        numRuns: 3 * runs[kind],
        seed,
      })
      for (const [at, put] of damages) {
        const body = Buffer.concat([whole.subarray(0, at), Buffer.from(put), whole.subarray(put === '' ? at + 1 : at)])
        // Whoever calls has seen that it is UTF-8.
        if (!isUtf8(body)) continue
        const found = await byBytes(schema, body, format, {})
        given += found === undefined ? 0 : 1
        if (found === undefined) continue
        expect({ seed, document: body.toString(), ...found }).toEqual({ seed, document: body.toString(), ...byParser(schema, body, format, {}) })
      }
    }
    // Much of a document is text, which damage only makes another text.
    expect(given).toBeGreaterThan(runs[kind] / 2)
  })
})

describe.for(['binary', 'text'] as const)('a page of CSV, by %s', (kind) => {
  const columns = ['whole', 'text', 'id', 'moment', 'unused', 'flag', 'amount', 'ratio', 'textOrNull', 'day', ...(kind === 'text' ? ['wait'] : [])]
  const Some = Every.pick({
    id: true,
    text: true,
    flag: true,
    whole: true,
    ratio: true,
    amount: true,
    moment: true,
    day: true,
    textOrNull: true,
    wholeOr: true,
  })
  const Row: z.ZodObject = kind === 'text' ? Some.extend({ wait: unread.wait }) : Some
  const transform = fromText(Row)
  const value = (one: unknown): string => {
    const plain = one === null || one === undefined ? '' : typeof one === 'string' ? one : JSON.stringify(one)
    return /[",\n\r]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain
  }
  const format = { kind: 'csv', columns, nullText: 'nil' } as const

  async function fromBytes(body: Buffer): Promise<Outcome | undefined> {
    const encoder = compile(Row)
    expect(encoder.format).toBe(kind)
    const refused: unknown[] = []
    const row = textRowOf(encoder, format, Object.keys(Row.shape), transform)
    if (row === undefined) throw new Error('fromText is known')
    const refuse = (bytes: Buffer, line: number, place: string): boolean => {
      const [given] = parsePage({ body: bytes, format, firstLine: line }).records
      return refused.push([given, encoder.encode(transform(given as never)), place]) > 0
    }
    const done = await encodeCsvRows({ body, format, firstLine: 1, encoder, row, maxRecordBytes: 1 << 20, taken: never, refuse, turn: never })
    return done ? outcomeOf(encoder, Row, refused) : undefined
  }

  function parsed(body: Buffer): Outcome {
    const encoder = compile(Row)
    const refused: unknown[] = []
    const { records, locate } = parsePage({ body, format })
    for (const [index, given] of records.entries()) {
      const issues = encoder.encode(transform(given as never))
      if (issues !== null) refused.push([given, issues, locate(index)])
    }
    return outcomeOf(encoder, Row, refused)
  }

  const odd = fc.constantFrom('', ' 12 ', '+5', '007', 'nil', '1e3', '2023-01-01 10:00', 'TRUE', 'x', '-', '1.', '"', '12345678901234567890', 'é\r')
  const row = fc
    .tuple(fc.record({ ...goodOf(kind), unused: text }), fc.option(fc.tuple(fc.constantFrom(...columns), odd), { freq: 2 }))
    .map(([values, other]): readonly string[] =>
      columns.map((name) => value(other?.[0] === name ? other[1] : (values as Readonly<Record<string, unknown>>)[name])),
    )
  const documents = fc.tuple(fc.array(row, { maxLength: 8 }), fc.constantFrom('\n', '\r\n', '\n\n'), fc.constantFrom('', '\n', '\r\n'))

  test('is encoded from its bytes as its parsed rows are', async () => {
    for (const [rows, lineBreak, end] of fc.sample(documents, { numRuns: 4 * runs[kind], seed })) {
      const document = `${rows.map((one) => one.join(',')).join(lineBreak)}${end}`
      const body = Buffer.from(document)
      expect({ seed, document, ...(await fromBytes(body)) }).toEqual({ seed, document, ...parsed(body) })
    }
  })

  test('that is damaged anywhere is given up, or is what the parser makes of it', async () => {
    const [[rows, lineBreak] = [[], '\n']] = fc.sample(fc.tuple(fc.array(row, { minLength: 5, maxLength: 5 }), fc.constantFrom('\n', '\r\n')), {
      numRuns: 1,
      seed,
    })
    const whole = Buffer.from(rows.map((one) => one.join(',')).join(lineBreak))
    let given = 0
    for (const [at, put] of fc.sample(fc.tuple(fc.nat(whole.length), fc.constantFrom('', ',', '"', '\n', '\r', 'x', '\0', '0')), {
      numRuns: 4 * runs[kind],
      seed,
    })) {
      const body = Buffer.concat([whole.subarray(0, at), Buffer.from(put), whole.subarray(put === '' ? at + 1 : at)])
      if (!isUtf8(body)) continue
      const found = await fromBytes(body)
      if (found === undefined) continue
      given += 1
      expect({ seed, document: body.toString(), ...found }).toEqual({ seed, document: body.toString(), ...parsed(body) })
    }
    expect(given).toBeGreaterThan(runs[kind] / 2)
  })
})
