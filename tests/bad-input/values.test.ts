import * as z from 'zod'
import { columnNameOf } from '../../src/definitions/columns.ts'
import type { Page } from '../../src/definitions/page.ts'
import { table } from '../../src/definitions/table.ts'
import { csv, jsonPages } from '../../src/sources/index.ts'
import { recordJson } from '../../src/workers/record-json.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describe, expect, startHttpServer, test } from '../support/test.ts'
import { binaryCases, opaqueCases } from './cases.ts'
import type { ColumnCases } from './cases.ts'

/** A value that a source sends for one column, all others being absent. */
interface Case {
  readonly id: number
  readonly field: string
  /** As JSON. */
  readonly json: string
  /** What Postgres must print; undefined where it must not be stored; null where Postgres itself is asked. */
  readonly printed: string | null | undefined
}

function casesOf(columns: Readonly<Record<string, ColumnCases>>): Case[] {
  const all = Object.entries(columns).flatMap(([field, { stored, kept }]) => [
    ...stored.map((one) => (typeof one === 'string' ? { field, json: one, printed: null } : { field, json: one[0], printed: one[1] })),
    ...kept.map((json) => ({ field, json, printed: undefined })),
  ])
  return all.map((one, id) => ({ ...one, id }))
}

const recordText = ({ id, field, json }: Case): string => `{"id":${String(id)},${JSON.stringify(field)}:${json}}`

/** A value as a cell of a CSV file, where it can be one: text in UTF-8. */
function cellOf({ json }: Case): string | undefined {
  const value: unknown = JSON.parse(json)
  return typeof value === 'string' && value.isWellFormed() ? `"${value.replaceAll('"', '""')}"` : undefined
}

interface Way {
  /** Of all cases, those that this way can say. */
  readonly says: (one: Case) => boolean
  readonly pages: (cases: readonly Case[], signal: AbortSignal) => AsyncIterable<Page> | Iterable<Page>
  readonly transform?: (record: unknown) => unknown
}

async function served(body: string): Promise<string> {
  return (await startHttpServer((_request, response) => response.end(body))).url
}

const ways: Readonly<Record<string, Way>> = {
  'a JSON page': {
    says: () => true,
    async *pages(cases, signal) {
      yield* jsonPages({ url: await served(`{"rows":[${cases.map(recordText).join(',')}]}`), path: ['rows'], signal })
    },
  },
  'JSON lines': { says: () => true, pages: (cases) => [{ body: cases.map((one) => `${recordText(one)}\r\n`).join(''), format: { kind: 'jsonl' } }] },
  'yielded objects': { says: () => true, pages: (cases) => [cases.map((one) => JSON.parse(recordText(one)) as unknown)] },
  'CSV through a transform': {
    says: (one) => cellOf(one) !== undefined,
    async *pages(cases, signal) {
      const rows = cases.map((one) => `${String(one.id)},${one.field},${cellOf(one) ?? ''}\r\n`)
      yield* csv({ url: await served(`id,field,value\r\n${rows.join('')}`), columns: ['id', 'field', 'value'], signal })
    },
    transform(record) {
      const { id, field, value } = record as { id: string; field: string; value: string }
      return { id: Number(id), [field]: value }
    },
  },
}

/** What Postgres makes of the values that are stored. */
async function askPostgres(engine: Engine, cases: readonly Case[], types: ReadonlyMap<string, string>): Promise<Map<number, unknown>> {
  const answers = new Map<number, unknown>()
  const asked = cases.filter((one) => one.printed === null)
  for (const { id, printed } of cases) if (typeof printed === 'string') answers.set(id, printed)
  for (const [field, group] of Map.groupBy(asked, (one) => one.field)) {
    const type = types.get(columnNameOf(field)) ?? ''
    const values = group.map(({ json }) => (type !== 'jsonb' && json.startsWith('"') ? String(JSON.parse(json)) : json))
    const rows = await engine.query<{ printed: string }>(`SELECT v::${type}::text AS printed FROM unnest($1::text[]) WITH ORDINALITY AS u(v, n) ORDER BY n`, [
      values,
    ])
    for (const [index, one] of group.entries()) answers.set(one.id, rows[index]?.printed)
  }
  return answers
}

interface Bad {
  readonly place: string
  readonly record: string
  readonly issues: readonly { readonly column: string; readonly message: string; readonly value: string }[]
}

// One backend: how a job travels makes no difference to what a value is.
describe.each([
  ['binary', binaryCases],
  ['text', { ...binaryCases, ...opaqueCases }],
] as const)('%s COPY', (format, columns) => {
  let engine: Engine
  const all = casesOf(columns)
  beforeAll(async () => {
    engine = await startEngine({ backend: 'postgres' })
    await engine.query(`CREATE EXTENSION citext; CREATE EXTENSION hstore; CREATE SCHEMA bad;
      CREATE DOMAIN bad.positive AS integer CHECK (VALUE > 0); CREATE TYPE bad.colour AS ENUM ('red')`)
    return engine.stop
  })

  describe.each(Object.entries(ways))('of %s', (name, { says, pages, transform }) => {
    const cases = all.filter(says)
    const stored = new Map<number, Readonly<Record<string, unknown>>>()
    const kept = new Map<number, Bad>()
    let postgres = new Map<number, unknown>()
    beforeAll(async () => {
      const key = `bad/${name.toLowerCase().replaceAll(' ', '_')}`
      const shape = Object.fromEntries(Object.entries(columns).map(([field, { schema }]) => [field, schema.nullish()]))
      const asset = table<z.ZodObject, unknown>({
        key,
        columns: z.object({ id: z.int32(), ...shape }),
        quarantine: true,
        retry: { retries: 0 },
        extract: ({ signal }) => pages(cases, signal),
        ...(transform === undefined ? {} : { transform: (record) => transform(record) as Record<string, unknown> }),
      })
      await engine.define([asset])
      const run = await engine.succeed(key)
      expect(run.step).toMatchObject({ attempt: 1, generation: 1, result: { records: cases.length } })
      const target = key.replace('/', '.')
      const types = await engine.query<{ name: string; type: string }>(
        `SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0`,
        [target],
      )
      const printed = types.map((one) => `"${one.name}"::text`).join(', ')
      for (const row of await engine.query(`SELECT ${printed} FROM ${target}`)) stored.set(Number(row['id']), row)
      for (const bad of await engine.query<Bad & Record<string, unknown>>(`SELECT place, record, issues FROM millrace.quarantine WHERE run_id = $1`, [
        run.id,
      ])) {
        kept.set(Number(/^\{"id":"?(\d+)/.exec(bad.record)?.[1] ?? /record (\d+)/.exec(bad.place)?.[1]), bad)
      }
      postgres = await askPostgres(
        engine,
        cases.filter((one) => one.printed !== undefined),
        new Map(types.map((one) => [one.name, one.type])),
      )
    })

    test(`goes by ${format} COPY, and each record is either stored or kept`, async () => {
      expect(stored.size + kept.size).toBe(cases.length)
      expect([...stored.keys()].filter((id) => kept.has(id))).toEqual([])
    })

    test.for([...Map.groupBy(cases, (one) => one.field)])('%s is stored as Postgres reads it, or kept with the reason', ([field, own]) => {
      const column = columnNameOf(field)
      for (const one of own) {
        const value = one.json.slice(0, 80)
        if (one.printed === undefined) {
          expect(stored.get(one.id), `${value} was stored`).toBeUndefined()
          expectKept(kept.get(one.id), one, column)
        } else {
          expect(kept.get(one.id)?.issues, `${value} was kept`).toBeUndefined()
          const row = Object.fromEntries(Object.entries(stored.get(one.id) ?? {}).filter(([, cell]) => cell !== null))
          expect(row, value).toEqual({ id: String(one.id), [column]: postgres.get(one.id) })
        }
      }
    })

    function expectKept(bad: Bad | undefined, one: Case, column: string): void {
      const value = one.json.slice(0, 80)
      expect(bad?.place, value).toMatch(/^record \d+( \(line \d+\))? of page \d+ of batch \d+ of bad\//)
      expect(bad?.issues, value).toHaveLength(1)
      const [issue] = bad?.issues ?? []
      // An object that nests deeper than it can be written down is not a column's fault.
      expect(issue?.column, value).toBe(name === 'yielded objects' && one.json.length > 15_000 && /^[[{]/.test(one.json) ? '(record)' : column)
      expect(issue?.message.length, value).toBeGreaterThan(5)
      if (name.startsWith('JSON') || name.startsWith('a JSON')) expect(bad?.record).toBe(recordJson(JSON.parse(recordText(one))))
    }
  })
})
