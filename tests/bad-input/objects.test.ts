import * as z from 'zod'
import { bytes } from '../../src/definitions/column-types.ts'
import { table } from '../../src/definitions/table.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describe, expect, test } from '../support/test.ts'

const Row = z.object({
  id: z.int32(),
  text: z.string().optional(),
  number: z.number().nullish(),
  large: z.bigint().optional(),
  moment: z.date().optional(),
  content: bytes().optional(),
  tags: z.array(z.string().nullable()).optional(),
  any: z.any(),
  loose: z.union([z.nan(), z.number()]).meta({ postgres: 'double precision' }).optional(),
})

class Money {
  readonly cents = 5n
  toJSON(): string {
    return '0.05'
  }
}
const circle: Record<string, unknown> = {}
circle['self'] = circle
const sparse: string[] = ['a']
sparse[2] = 'c'
const thrower = {
  get text(): string {
    throw new Error('not today')
  },
}
const deep: unknown = JSON.parse('['.repeat(50_000) + ']'.repeat(50_000))

/** What an extractor yields, and the row it becomes, or the column that is the reason why it is kept. */
const yielded: readonly (readonly [what: string, fields: object | null, becomes: Readonly<Record<string, string>> | string])[] = [
  ['a Date', { moment: new Date('1969-07-20T20:17:40.123Z') }, { moment: '1969-07-20 20:17:40.123+00' }],
  ['a Date that is none', { moment: new Date(Number.NaN) }, 'moment'],
  ['a Date before Postgres’ calendar', { moment: new Date(-8.64e15) }, 'moment'],
  ['the last Date', { moment: new Date(8.64e15) }, { moment: '275760-09-13 00:00:00+00' }],
  ['text for a Date', { moment: '2023-01-01T00:00:00.000Z' }, 'moment'],
  ['a bigint', { large: 9223372036854775807n }, { large: '9223372036854775807' }],
  ['a bigint that is too large', { large: 9223372036854775808n }, 'large'],
  ['a bigint for a number', { number: 1n }, 'number'],
  ['a boxed bigint', { large: Object(5n) as unknown }, '(record)'],
  ['bytes', { content: Uint8Array.of(0, 255) }, { content: '\\x00ff' }],
  ['a view on a part of bytes', { content: Buffer.from([1, 2, 3, 4]).subarray(1, 3) }, { content: '\\x0203' }],
  ['an ArrayBuffer', { content: new ArrayBuffer(2) }, 'content'],
  ['-0', { number: -0 }, { number: '-0' }],
  ['NaN', { number: Number.NaN }, 'number'],
  ['NaN where it is wanted', { loose: Number.NaN }, { loose: 'NaN' }],
  ['an infinity', { number: -Infinity }, 'number'],
  ['an infinity within JSON', { any: { a: [Infinity] } }, 'any'],
  ['undefined', { text: undefined, number: undefined }, {}],
  ['null where it is not wanted', { text: null }, 'text'],
  ['a function', { text: () => 'x' }, 'text'],
  ['a function within JSON', { any: { f: () => 'x' } }, 'any'],
  ['a symbol', { text: Symbol('x') }, 'text'],
  ['a Map within JSON', { any: new Map([['a', 1]]) }, 'any'],
  ['a Set within JSON', { any: { s: new Set([1]) } }, 'any'],
  ['an object with toJSON', { text: new Money() }, { text: '0.05' }],
  ['toJSON that throws', { any: { toJSON: () => thrower.text } }, '(record)'],
  ['a getter', Object.defineProperty({}, 'text', { enumerable: true, get: () => 'got' }), { text: 'got' }],
  ['a getter that throws', thrower, '(record)'],
  ['a circle', { any: circle }, '(record)'],
  ['what nests deeper than it can be written', { any: deep }, '(record)'],
  ['a sparse array', { tags: sparse }, { tags: '{a,NULL,c}' }],
  ['an array with more fields', { tags: Object.assign(['a'], { extra: 'b' }) }, { tags: '{a}' }],
  ['a key of ours', { any: { '$millrace:value': ['bigint', 'x'], a: 1n } }, { any: '{"a": 1, "$millrace:value": ["bigint", "x"]}' }],
  ['a key of ours in JSON', { any: { '$millrace:value': ['date', null] } }, { any: '{"$millrace:value": ["date", null]}' }],
  ['a Date within JSON', { any: { at: new Date(0) } }, { any: '{"at": "1970-01-01T00:00:00.000Z"}' }],
  ['__proto__ as a key', { any: JSON.parse('{"__proto__":{"a":1}}') as unknown }, { any: '{"__proto__": {"a": 1}}' }],
  ['no prototype', Object.assign(Object.create(null) as object, { text: 'bare' }), { text: 'bare' }],
  ['inherited fields', Object.create({ text: 'inherited' }) as object, {}],
  ['no object', null, '(row)'],
]

describe('what an extractor yields as JavaScript objects', () => {
  let engine: Engine
  const rows = new Map<number, Readonly<Record<string, unknown>>>()
  const kept = new Map<number, { readonly id: string; readonly issues: readonly { readonly column: string; readonly message: string }[] }>()
  const records = yielded.map(([, fields], id) => (fields === null ? fields : Object.defineProperty(fields, 'id', { enumerable: true, value: id })))
  beforeAll(async () => {
    engine = await startEngine({ backend: 'postgres' })
    await engine.define([table<typeof Row, unknown>({ key: 'bad/objects', columns: Row, quarantine: true, retry: { retries: 0 }, extract: () => [records] })])
    await engine.succeed('bad/objects')
    const printed = Object.keys(Row.shape).map((column) => `"${column}"::text`)
    for (const row of await engine.query(`SELECT ${printed.join(', ')} FROM bad.objects`)) rows.set(Number(row['id']), row)
    const found = await engine.query<{ id: string; index: number; issues: [] }>(
      'SELECT id::text AS id, record_index::int AS index, issues FROM millrace.quarantine',
    )
    for (const one of found) kept.set(one.index, one)
    return engine.stop
  })

  test.for(yielded.map(([what, , becomes], id) => [what, becomes, id] as const))('%s', ([, becomes, id]) => {
    if (typeof becomes === 'string') {
      expect(rows.get(id)).toBeUndefined()
      expect(kept.get(id)?.issues).toMatchObject([{ column: becomes, message: expect.stringMatching(/.{10}/) }])
    } else {
      expect(kept.get(id)?.issues).toBeUndefined()
      expect(Object.fromEntries(Object.entries(rows.get(id) ?? {}).filter(([, value]) => value !== null))).toEqual({ id: String(id), ...becomes })
    }
  })

  test('what is kept of them is redriven as it was yielded, and kept again for the same reasons', async () => {
    const before = [...kept.values()].map((one) => one.issues)
    const run = await engine.succeed('bad/objects', { redrive: true })
    expect(run.step.result).toMatchObject({ records: before.length, rows: 0, quarantined: before.length })
    const again = await engine.query<{ issues: (typeof before)[number] }>(`SELECT issues FROM millrace.quarantine WHERE run_id = $1 ORDER BY id`, [run.id])
    const columnsOf = (all: typeof before): string[] => all.map((issues) => `${String(issues[0]?.column)}: ${String(issues[0]?.message)}`).toSorted()
    expect(columnsOf(again.map((one) => one.issues))).toEqual(columnsOf(before))
  })

  test('a transform that changes its record, or throws, has it kept as it came', async () => {
    const asset = table<z.ZodObject, unknown>({
      key: 'bad/changed',
      columns: z.object({ id: z.int32(), at: z.date() }),
      quarantine: true,
      extract: () => [{ body: '[{"id":1},{"id":"x","tags":["a"]},["b"]]', format: { kind: 'json' } }, [{ id: 'y', at: new Date(0) }]],
      transform(record) {
        const changed = record as { id: unknown; tags?: string[] }
        changed.tags?.push('changed')
        if (Array.isArray(record)) record.push('changed')
        changed.id = `${String(changed.id)} changed`
        if (changed.id === '1 changed') throw new Error('no')
        return changed
      },
    })
    await engine.define([asset])
    await engine.succeed('bad/changed')
    const found = await engine.query(`SELECT record FROM millrace.quarantine WHERE asset = 'bad/changed' ORDER BY id`)
    expect(found.map((row) => row['record'])).toEqual([
      '{"id":1}',
      '{"id":"x","tags":["a"]}',
      '["b"]',
      '{"id":"y","at":{"$millrace:value":["date","1970-01-01T00:00:00.000Z"]}}',
    ])
  })
})
