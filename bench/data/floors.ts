import { join } from 'node:path'
import pg from 'pg'
import { columnsOf } from '../../src/definitions/columns.ts'
import { copy } from '../../src/warehouse/copy.ts'
import { compileEncoder } from '../../src/warehouse/encoder/compile-encoder.ts'
import { launchAndWait } from '../launch-run.ts'
import { median } from '../median.ts'
import { device } from '../pipelines/bench/columns.ts'
import { treeCpuSeconds, usageOf } from '../processes.ts'
import { columnsSql, timePsqlCopy, writeCopyText } from '../psql-copy.ts'
import { benchRecord } from '../record.ts'
import { oneEach } from '../roles.ts'
import { cpuBetween, cpuOf } from './cpu.ts'
import type { Cpu } from './cpu.ts'
import { inTurn } from './in-turn.ts'
import type { DataPart } from './part.ts'
import { mustBe, mustHaveSameRows } from './same-rows.ts'
import { withCluster } from './with-cluster.ts'

const pageRows = 1000
// As many as are parsed and encoded over and over again: all of them at once would be memory for the collector to walk over.
const pages = 20

/** Encodes records as the engine does, and answers the stream. */
function createEncoding(): (records: Iterable<unknown>) => Buffer {
  const encoder = compileEncoder(columnsOf(device), device)
  return (records) => {
    for (const record of records) {
      const issues = encoder.encode(record)
      if (issues !== null) throw new Error(JSON.stringify(issues))
    }
    return Buffer.from(encoder.finish())
  }
}

function* firstRecords(rows: number): Generator {
  for (let n = 0; n < rows; n += 1) yield benchRecord(n)
}

const names = {
  parse: 'JSON.parse alone',
  encode: 'encoding alone, of parsed records',
  both: 'JSON.parse and encoding',
  unlogged: 'COPY of ready-made binary, unlogged table',
  logged: 'COPY of ready-made binary, logged table',
  text: 'psql \\copy of ready-made text, logged table',
  moved: 'INSERT … SELECT from a staging table',
  ours: 'replace over HTTP, end to end',
} as const
type Name = keyof typeof names
/** What asks nothing of the server: what that did meanwhile is of its own. */
const inMemory: ReadonlySet<Name> = new Set<Name>(['parse', 'encode', 'both'])

/** Each piece of the work alone, as fast as it can be done here, and the whole beside it. */
export const floors: DataPart = {
  name: 'floors',
  about: 'what a row costs, in µs, beside what parsing, encoding and COPY cost alone',
  async measure({ tries, backend, rows = 500_000 }, say) {
    await withCluster({ backend, rows, roles: oneEach }, async (cluster) => {
      const file = join(cluster.folder, 'rows.txt')
      await writeCopyText(file, rows)
      const binary = createEncoding()(firstRecords(rows))
      const client = new pg.Client({ connectionString: cluster.postgres.url })
      await client.connect()
      const texts = Array.from({ length: pages }, (_, page) =>
        JSON.stringify(Array.from({ length: Math.min(pageRows, rows) }, (__, index) => benchRecord(page * pageRows + index))),
      )
      const records = texts.map((text) => JSON.parse(text) as unknown[])
      const encode = createEncoding()
      const turns = Math.ceil(rows / pageRows)
      const pagewise = (work: (page: number) => number) => (): void => {
        let done = 0
        for (let turn = 0; turn < turns; turn += 1) done += work(turn % pages)
        mustBe('records in memory', done, turns * Math.min(pageRows, rows))
      }
      // The stream's header and trailer are 21 bytes: what is longer has its rows.
      const encoded = (all: readonly unknown[]): number => (encode(all).length > 21 ? all.length : 0)
      const empty = async (table: string, kind: string): Promise<void> => {
        await client.query(`DROP TABLE IF EXISTS public.${table}`)
        await client.query(`CREATE ${kind} TABLE public.${table} (${columnsSql})`)
        await client.query('CHECKPOINT')
      }
      const spent = new Map<Name, { client: number; server: number }[]>()
      const stages: Cpu[] = []
      // Work that answers a number has taken the time itself.
      const timed = (name: Name, work: () => unknown, before?: () => Promise<void>, table?: string) => async (): Promise<number> => {
        await before?.()
        const cpu = (): { client: number; server: number } => ({
          client: usageOf(process.pid)?.cpuSeconds ?? 0,
          server: treeCpuSeconds(cluster.postgres.pid),
        })
        const [begin, start] = [cpu(), performance.now()]
        const answered = await work()
        const seconds = typeof answered === 'number' ? answered : (performance.now() - start) / 1000
        const end = cpu()
        spent.set(name, [...(spent.get(name) ?? []), { client: end.client - begin.client, server: end.server - begin.server }])
        if (table !== undefined) await mustHaveSameRows(cluster, `TABLE ${table}`, 'TABLE public.copied')
        return seconds
      }
      const copyBinary = (table: string) => async (): Promise<void> => {
        mustBe(`rows copied into ${table}`, await copy(client, `COPY public.${table} FROM STDIN (FORMAT binary)`, binary), rows)
      }
      try {
        const times = await inTurn<Name>(tries, {
          parse: timed(
            'parse',
            pagewise((page) => (JSON.parse(texts[page] ?? '') as unknown[]).length),
          ),
          encode: timed(
            'encode',
            pagewise((page) => encoded(records[page] ?? [])),
          ),
          both: timed(
            'both',
            pagewise((page) => encoded(JSON.parse(texts[page] ?? '') as unknown[])),
          ),
          text: timed('text', () => timePsqlCopy(cluster.postgres.url, file)),
          unlogged: timed('unlogged', copyBinary('unlogged'), () => empty('unlogged', 'UNLOGGED'), 'public.unlogged'),
          logged: timed('logged', copyBinary('logged'), () => empty('logged', ''), 'public.logged'),
          moved: timed(
            'moved',
            () => client.query(`INSERT INTO public.moved TABLE public.logged`),
            () => empty('moved', ''),
            'public.moved',
          ),
          ours: timed(
            'ours',
            async () => {
              const before = cpuOf(cluster)
              const { seconds } = await launchAndWait(cluster, 'bench/replaced', rows)
              stages.push(cpuBetween(before, cpuOf(cluster)))
              return seconds
            },
            async () => {
              await client.query('DROP TABLE IF EXISTS bench.replaced')
              await client.query('CHECKPOINT')
            },
            'bench.replaced',
          ),
        })
        const perRow = (seconds: number): string => ((seconds * 1e6) / rows).toFixed(2)
        const cpuPerRow = (name: Name, side: 'client' | 'server'): number => median((spent.get(name) ?? []).slice(1).map((one) => one[side]))
        const stage = (role: string): number => median(stages.slice(1).map((one) => one[role] ?? 0))
        say(`| ${String(rows)} rows, medians of ${String(tries)} | s | µs a row | CPU µs a row, at the client | CPU µs a row, in the server |`)
        say('| --- | --- | --- | --- | --- |')
        for (const [name, title] of Object.entries(names) as [Name, string][]) {
          const at = name === 'ours' ? 'by stage below' : perRow(cpuPerRow(name, 'client'))
          const inServer = inMemory.has(name) ? '' : perRow(cpuPerRow(name, 'server'))
          say(`| ${title} | ${times[name].median.toFixed(2)} | ${perRow(times[name].median)} | ${at} | ${inServer} |`)
        }
        say('')
        say('| stage of the replace | CPU µs a row | the floor | times the floor |')
        say('| --- | --- | --- | --- |')
        const against = (title: string, ours: number, floor: number | undefined, what: string): void =>
          say(
            `| ${title} | ${perRow(ours)} | ${floor === undefined ? what : `${perRow(floor)}, ${what}`} | ${floor === undefined ? '' : (ours / floor).toFixed(2)} |`,
          )
        against('extract', stage('extract'), undefined, 'none: bytes go through')
        against('transform', stage('transform'), cpuPerRow('both', 'client'), 'JSON.parse and encoding')
        against('load', stage('load'), cpuPerRow('logged', 'client'), 'COPY of ready-made binary, at the client')
        against('Postgres', stage('postgres'), cpuPerRow('logged', 'server'), 'COPY of ready-made binary, logged, in the server')
        against('redis', stage('redis'), undefined, 'none: only pointers go through')
        against('board and producers', stage('board') + stage('producers'), undefined, 'none')
      } finally {
        await client.end()
      }
    })
  },
}
