import * as z from 'zod'
import { table } from '../../src/definitions/table.ts'
import type { TableAsset, TableOptions } from '../../src/definitions/table.ts'
import type { Engine } from '../support/engine.ts'

/** A way of writing a table, as the documentation lists them, and the asset of the chaos suite that is written so. */
export interface Way {
  readonly name: string
  readonly struck: string
  readonly options: Pick<TableOptions<z.ZodObject, Item>, 'write' | 'cursor' | 'resumable'>
}

export const ways: readonly Way[] = [
  { name: '`append`', struck: 'chaos/appended', options: { write: { disposition: 'append' } } },
  { name: '`append` with a `cursor`', struck: 'chaos/followed', options: { write: { disposition: 'append' }, cursor: { field: 'id' } } },
  {
    name: "`append`, `publish: 'each-batch'`, with a `cursor`",
    struck: 'chaos/grown',
    options: { write: { disposition: 'append', publish: 'each-batch' }, cursor: true, resumable: true },
  },
  { name: '`replace`', struck: 'chaos/replaced', options: { write: { disposition: 'replace' } } },
  { name: '`replace` by a field', struck: 'chaos/parts', options: { write: { disposition: 'replace', by: 'day' } } },
  { name: '`merge`', struck: 'chaos/merged', options: { write: { disposition: 'merge' } } },
  { name: '`snapshot`', struck: 'chaos/snapshots', options: { write: { disposition: 'snapshot' } } },
  { name: '`scd2`', struck: 'chaos/history', options: { write: { disposition: 'scd2' } } },
]

interface Item {
  readonly id: number
  readonly day: string
  readonly v: string
}

const Config = z.object({ mark: z.string() })
const Columns = z.object({ id: z.int(), day: z.iso.date(), v: z.string() })

/** One table written in one way, whose source gives three rows marked with the run that asked. */
export interface Written {
  /** Runs it with a mark in its rows; `meanwhile` happens in the middle of its extraction. */
  run(mark: string, meanwhile?: () => Promise<unknown>): Promise<string>
  /** Goes on with other columns. */
  redefine(columns: z.ZodObject, version: string): Promise<void>
  /** What the table holds: `3 a, 3 b`, by mark; of a history what holds now, and how much is closed. */
  holds(): Promise<string>
}

/** Defines a table of its own in an engine. */
export async function writtenIn(engine: Engine, key: string, { options }: Way): Promise<Written> {
  const marks = new Map<string, () => Promise<unknown>>()
  let location = ''
  const assetOf = (columns: z.ZodObject): TableAsset =>
    table<z.ZodObject, Item, typeof Config>({
      key,
      columns,
      primaryKey: options.cursor === undefined && options.write?.disposition === 'append' ? [] : ['id'],
      retry: { retries: 0 },
      config: Config,
      async *extract({ config: { mark }, cursor }) {
        await marks.get(mark)?.()
        for (const id of [1, 2, 3].filter((one) => one > Number(cursor ?? 0))) {
          yield { records: [{ id, day: '2026-01-01', v: mark }], position: id, cursor: id }
        }
      },
      ...options,
      ...(options.resumable === true ? { primaryKey: [] } : {}),
    })
  const define = async (columns: z.ZodObject, version: string): Promise<void> => {
    const { location: made } = await engine.define([assetOf(columns)], { version })
    location = made.name
  }
  await define(Columns, 'v1')
  return {
    async run(mark, meanwhile = () => Promise.resolve()) {
      marks.set(mark, meanwhile)
      const { step } = await engine.run(key, { config: { mark }, location })
      const error = step.error === null ? '' : ` (${step.error.code})`
      return `${step.status}${error}${step.generation > 1 ? ', begun afresh' : ''}`
    },
    redefine: define,
    async holds() {
      const name = key.replace('/', '.')
      const history = options.write?.disposition === 'scd2' ? `CASE WHEN valid_to IS NULL THEN '' ELSE ' closed' END` : `''`
      const rows = await engine.query<{ n: string; what: string }>(`SELECT count(*) AS n, v || ${history} AS what FROM ${name} GROUP BY 2 ORDER BY 2`)
      return rows.map(({ n, what }) => `${n} ${what}`).join(', ')
    },
  }
}

/** The columns with one more, which may be NULL. */
export const wider = Columns.extend({ note: z.string().nullish() })
/** The columns with one of another type, to which no value need fit. */
export const narrower = Columns.extend({ v: z.int() })
