import type { Cluster } from '../cluster.ts'
import { treeCpuSeconds } from '../processes.ts'
import { compareTables } from './compare.ts'
import { referenceTable } from './contender.ts'
import type { Contender, Reference } from './contender.ts'
import { reportLines } from './report.ts'
import type { Measured, Turn } from './report.ts'
import type { Effort } from './run-process.ts'

/** So few that what remains is the start-up. */
const fewRows = 10

export interface MeasureOptions {
  readonly cluster: Cluster
  readonly rows: number
  readonly tries: number
  readonly reference: Reference
  readonly contenders: readonly Contender[]
  /** As of the part's options. */
  readonly only: readonly string[]
  readonly say: (line: string) => void
}

interface Entered {
  readonly contender: Contender
  readonly measured: Measured
}

/**
 * Measures in turn: in each round, for each number of rows, the reference and then everybody. Before that everybody moves 10 rows twice, the second time measured;
 * what keeps running between the rounds (Millrace, the server) has one round more, to warm up. A peer that fails is left out and named.
 * @throws Error when Millrace fails, or a row of Millrace is not the reference's
 */
export async function measureInTurn({ cluster, rows, tries, reference, contenders: all, only, say }: MeasureOptions): Promise<void> {
  const contenders = all.filter(({ name }) => only.length === 0 || only.some((text) => name.includes(text)))
  const counts = [...new Set(contenders.map((contender) => rowsOf(contender, rows)))].toSorted((a, b) => b - a)
  for (const count of new Set([fewRows, ...counts])) await reference.prepare(count)

  const absent = new Map<Contender, string>()
  const attempt = async (contender: Contender, count: number, keep: (turn: Turn, verdict: string) => void): Promise<void> => {
    if (absent.has(contender)) return
    try {
      const { turn, verdict } = await takeTurn(cluster, contender, count)
      progress(`${contender.name}, ${String(count)} rows: ${turn.seconds.toFixed(2)} s, ${verdict}`)
      keep(turn, verdict)
    } catch (error) {
      if (contender.ours) throw error
      absent.set(contender, lastLine(error))
    }
  }

  await refer(cluster, reference, fewRows)
  const few = (await refer(cluster, reference, fewRows)).seconds
  const references = new Map<number, Measured>(counts.map((count) => [count, { name: reference.name, rows: count, few, turns: [], verdict: 'the reference' }]))
  const entered: readonly Entered[] = contenders.map((contender) => ({
    contender,
    measured: { name: contender.name, rows: rowsOf(contender, rows), few: Number.NaN, turns: [], verdict: '' },
  }))
  for (const { contender, measured } of [...entered, ...entered]) {
    await attempt(contender, fewRows, (turn) => {
      measured.few = turn.seconds
    })
  }
  for (let round = -1; round < tries; round += 1) {
    const warm = round >= 0
    for (const count of counts) {
      const referred = await refer(cluster, reference, count)
      progress(`${reference.name}, ${String(count)} rows: ${referred.seconds.toFixed(2)} s`)
      if (warm) references.get(count)?.turns.push(referred)
      for (const { contender, measured } of entered.filter((one) => one.measured.rows === count && (one.contender.ours || warm))) {
        await attempt(contender, count, (turn, verdict) => {
          if (warm) measured.turns.push(turn)
          measured.verdict = verdict
        })
      }
    }
  }
  const present = entered.filter(({ contender }) => !absent.has(contender)).map(({ measured }) => measured)
  const left = [...absent].map(([{ name }, why]) => `${name}: not measured. ${why}`)
  for (const line of reportLines({ rows, tries, references: [...references.values()], measured: present, absent: left })) say(line)
}

/** To whom waits; what is measured comes at the end. */
const progress = (line: string): boolean => process.stderr.write(`  ${line}\n`)

const rowsOf = (contender: Contender, rows: number): number => Math.max(fewRows, Math.round(rows * (contender.share ?? 1)))

async function timed(cluster: Cluster, load: () => Promise<Effort>): Promise<Turn> {
  await cluster.pool.query('CHECKPOINT')
  const before = treeCpuSeconds(cluster.postgres.pid)
  const effort = await load()
  return { ...effort, serverCpuSeconds: treeCpuSeconds(cluster.postgres.pid) - before }
}

async function refer(cluster: Cluster, reference: Reference, rows: number): Promise<Turn> {
  const table = referenceTable(rows)
  await cluster.pool.query(`DROP TABLE IF EXISTS ${table}`)
  await cluster.pool.query(`CREATE TABLE ${table} (${reference.columns})`)
  return timed(cluster, () => reference.load(rows, table))
}

async function takeTurn(cluster: Cluster, contender: Contender, rows: number): Promise<{ turn: Turn; verdict: string }> {
  const { name, table, columns, query, ours } = contender
  await empty(cluster, contender)
  if (columns !== undefined) await cluster.pool.query(`CREATE TABLE ${table} (${columns})`)
  const turn = await timed(cluster, () => contender.load(rows))
  const { equal, verdict } = await compareTables(cluster.pool, { reference: referenceTable(rows), table, query })
  if (ours && !equal) throw new Error(`${name}: its rows are not what psql copied: ${verdict}`)
  await empty(cluster, contender)
  return { turn, verdict }
}

/** Leaves nothing of an earlier turn. */
async function empty({ pool }: Cluster, { table, ours }: Contender): Promise<void> {
  const [schema = ''] = table.split('.')
  if (ours) await pool.query(`DROP TABLE IF EXISTS ${table}`)
  else await pool.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE; CREATE SCHEMA ${schema}`)
}

/** Of what a program printed: its error, most of the time. */
function lastLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return (text.trim().split('\n').at(-1) ?? '').slice(0, 300)
}
