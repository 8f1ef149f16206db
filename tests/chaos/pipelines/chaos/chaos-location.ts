import { appendFileSync, existsSync, mkdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  asset,
  dailyPartitions,
  decimal,
  defineLocation,
  graph,
  graphAsset,
  hook,
  mapOver,
  multiAsset,
  op,
  partitionsOf,
  resource,
  schedule,
  sensor,
  sqlAsset,
  table,
  weeklyPartitions,
} from 'millrace'
import type { Location, WriteOptions } from 'millrace'
import { jsonFiles } from 'millrace/io'
import * as z from 'zod'

/** A record of the source, as its pages carry it. */
export interface ChaosRecord {
  readonly id: number
  readonly name: string
  readonly amount: string
  readonly at: string
  readonly flag: boolean
  readonly note: string | null
  readonly tags: readonly string[]
}

interface SourcePage {
  readonly records: readonly ChaosRecord[]
  /** The page after this one; null at the end. */
  readonly next: number | null
}

const Row = z.object({
  id: z.int32(),
  name: z.string(),
  amount: decimal(18, 4),
  at: z.iso.datetime(),
  flag: z.boolean(),
  note: z.string().nullable(),
  tags: z.array(z.string()),
  edition: z.int32(),
  runAt: z.iso.datetime(),
})

const source = resource({
  start: ({ env }) => {
    const address = env['CHAOS_SOURCE_URL']
    if (address === undefined) throw new Error('CHAOS_SOURCE_URL is not set')
    return {
      async *pages(edition: number, first: number, signal: AbortSignal) {
        for (let page: number | null = first; page !== null;) {
          const response = await fetch(`${address}/editions/${String(edition)}/pages/${String(page)}`, { signal })
          if (!response.ok) throw new Error(`the source answers ${String(response.status)}`)
          const body = (await response.json()) as SourcePage
          const next = body.next ?? page + 1
          yield { records: body.records, position: next, cursor: { edition, next } }
          page = body.next
        }
      },
    }
  },
})

const config = z.object({ edition: z.int() })

/**
 * The assets that the chaos suite fills: what a run leaves behind tells which run it was, and whether it is whole.
 * @param wide with one column more, as a later deployment of the same location
 */
export function chaosLocation(wide: boolean): Location {
  const columns = wide ? Row.extend({ doubled: z.int32().nullable() }) : Row
  const transform = (record: ChaosRecord, context: { readonly config: { edition: number }; readonly runStartedAt: string }) => {
    const row = { ...record, tags: [...record.tags], edition: context.config.edition, runAt: context.runStartedAt }
    return wide ? { ...row, doubled: record.id * 2 } : row
  }
  const resumed = (key: string, write: WriteOptions, cursor?: true) =>
    table({
      key,
      columns,
      write,
      ...(cursor === undefined ? {} : { cursor }),
      config,
      resources: { source },
      resumable: true,
      extract: ({ config: { edition }, resources, position, signal }) => resources.source.pages(edition, typeof position === 'number' ? position : 0, signal),
      transform,
      retry: { retries: 5, delayMs: 100 },
    })
  const appended = resumed('chaos/appended', { disposition: 'append' })
  const whole = (key: string, write: WriteOptions) =>
    table({
      key,
      columns,
      write,
      primaryKey: ['id'],
      config,
      resources: { source },
      extract: ({ config: { edition }, resources, signal }) => resources.source.pages(edition, 0, signal),
      transform,
      retry: { retries: 5, delayMs: 100 },
    })
  // Some of its records do not fit.
  const strained = table({
    key: 'chaos/strained',
    columns,
    quarantine: true,
    config,
    resources: { source },
    extract: ({ config: { edition }, resources, signal }) => resources.source.pages(edition, 0, signal),
    transform: (record: ChaosRecord, context) => {
      if (record.id % 7 === 0) throw new Error('no record whose id divides by seven')
      return transform(record, context)
    },
    retry: { retries: 5, delayMs: 100 },
  })
  const summary = sqlAsset({
    key: 'chaos/summary',
    select: `SELECT id, count(*) AS copies, sum(amount) AS amount FROM chaos.appended GROUP BY id`,
    store: { kind: 'table', primaryKey: ['id'] },
    deps: [appended],
  })
  const io = jsonFiles({ folder: process.env['CHAOS_VALUES'] ?? '.millrace/values' })
  const retry = { retries: 5, delayMs: 100 }
  const value = asset({ key: 'chaos/value', config, io, retry, run: ({ config: { edition } }) => ({ edition }) })
  const valued = asset({ key: 'chaos/valued', inputs: { value }, io, retry, run: ({ inputs }) => ({ ...inputs.value, doubled: inputs.value.edition * 2 }) })
  const split = multiAsset({
    name: 'chaos/split',
    config,
    io,
    retry,
    outputs: { half: { key: 'chaos/half', value: z.object({ edition: z.int() }) }, rest: { key: 'chaos/rest', value: z.object({ edition: z.int() }) } },
    run: ({ config: { edition }, observe }) => {
      observe('chaos/half', { metadata: { edition } })
      return { half: { edition }, rest: { edition } }
    },
  })
  const { half, rest } = split.assets
  const joined = asset({ key: 'chaos/joined', inputs: { half, rest }, io, retry, run: ({ inputs }) => [inputs.half.edition, inputs.rest.edition] })
  // Each call leaves a line behind, and goes on for as long as somebody holds it.
  const tell = hook({
    name: 'tell',
    run: async ({ run, idempotencyKey, signal }) => {
      const folder = process.env['CHAOS_VALUES'] ?? '.millrace/values'
      appendFileSync(`${folder}/told.txt`, `${run.id} ${idempotencyKey}\n`)
      while (existsSync(`${folder}/hold`)) await sleep(50, undefined, { signal })
    },
  })
  const told = asset({ key: 'chaos/told', config, io, retry, run: ({ config: { edition } }) => edition, onSuccess: tell })
  // Each call of a branch leaves a line behind: what a run does outside, it does at least once, under one key.
  const list = op({
    name: 'list',
    config,
    output: z.array(z.int()),
    retry,
    run: ({ config: { edition } }) => Array.from({ length: 20 }, (_, n) => edition * 100 + n),
  })
  const count = op({
    name: 'count',
    inputs: { n: z.int() },
    output: z.int(),
    retry,
    run: ({ inputs: { n }, runId, idempotencyKey }) => {
      const folder = process.env['CHAOS_VALUES'] ?? '.millrace/values'
      mkdirSync(folder, { recursive: true })
      appendFileSync(`${folder}/effects.txt`, `${runId} ${String(n)} ${idempotencyKey}\n`)
      return n * 2
    },
  })
  const add = op({ name: 'add', inputs: { all: z.array(z.int()) }, output: z.int(), retry, run: ({ inputs }) => inputs.all.reduce((sum, n) => sum + n, 0) })
  const counting = graph({ name: 'counting', compose: () => add({ all: mapOver(list(), (n) => count({ n })).collect() }) })
  const counted = graphAsset({ key: 'chaos/counted', graph: counting, io, retry })
  const days = dailyPartitions({ start: '2026-01-04', end: '2026-02-01' })
  const daily = asset({ key: 'chaos/daily', partitions: days, io, retry, run: ({ partition }) => Number(partition.key.slice(-2)) })
  const weekly = asset({
    key: 'chaos/weekly',
    partitions: weeklyPartitions({ start: '2026-01-04', end: '2026-02-01' }),
    inputs: { days: partitionsOf(daily) },
    io,
    retry,
    run: ({ inputs }) => Object.values(inputs.days).reduce((sum, one) => sum + one, 0),
  })
  return defineLocation({
    name: 'chaos',
    assets: [
      appended,
      whole('chaos/replaced', { disposition: 'replace' }),
      whole('chaos/merged', { disposition: 'merge' }),
      whole('chaos/snapshots', { disposition: 'snapshot' }),
      whole('chaos/history', { disposition: 'scd2' }),
      resumed('chaos/followed', { disposition: 'append' }, true),
      resumed('chaos/grown', { disposition: 'append', publish: 'each-batch' }),
      resumed('chaos/parts', { disposition: 'replace', by: 'edition' }),
      strained,
      summary,
      value,
      valued,
      counted,
      daily,
      weekly,
      split,
      joined,
      told,
    ],
    // Never due by the clock: its ticks are handed out by the tests.
    schedules: [schedule({ name: 'yearly', cron: '0 0 1 1 *', timeZone: 'UTC', assets: ['chaos/replaced'], config: { edition: 0 } })],
    // Evaluated once when it is first seen, and then when a message comes.
    sensors: [
      sensor({
        name: 'watched',
        everyMs: 86_400_000,
        assets: ['chaos/value', 'chaos/valued'],
        run: ({ cursor, messages }) => ({
          runs: messages.map(({ body }) => ({
            runKey: String((body as { edition: number }).edition),
            config: { edition: (body as { edition: number }).edition },
          })),
          cursor: Number(cursor ?? 0) + messages.length,
        }),
      }),
    ],
  })
}
