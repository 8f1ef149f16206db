import { median } from '../median.ts'
import type { Effort } from './run-process.ts'

/** One time that a contender moved its rows. */
export interface Turn extends Effort {
  readonly serverCpuSeconds: number
}

export interface Measured {
  readonly name: string
  /** The number it was given. */
  readonly rows: number
  /** Seconds for 10 rows. */
  few: number
  readonly turns: Turn[]
  /** Of its rows. */
  verdict: string
}

export interface Report {
  readonly rows: number
  readonly tries: number
  /** One for each number of rows. */
  readonly references: readonly Measured[]
  readonly measured: readonly Measured[]
  /** Who was not measured, and why. */
  readonly absent: readonly string[]
}

/** The table of a part, and who is not in it. */
export function reportLines({ rows, tries, references, measured, absent }: Report): readonly string[] {
  const line = (one: Measured): string => {
    const seconds = secondsOf(one)
    const reference = references.find((other) => other.rows === one.rows)
    const name = one.rows === rows ? one.name : `${one.name}, ${thousands(one.rows)} rows`
    const cells = [
      name,
      spread(one),
      thousands(Math.round(one.rows / seconds)),
      reference === undefined ? '' : (secondsOf(reference) / seconds).toFixed(2),
      `${middle(one, 'cpuSeconds').toFixed(1)} + ${middle(one, 'serverCpuSeconds').toFixed(1)}`,
      thousands(Math.round(Math.max(...one.turns.map((turn) => turn.peakMiB)))),
      one.few.toFixed(2),
      one.verdict,
    ]
    return `| ${cells.join(' | ')} |`
  }
  const everybody = [...references, ...measured]
  return [
    `| ${thousands(rows)} rows | s (median of ${String(tries)}) | rows/s | ratio to the reference | CPU s, tool + server | peak MiB | 10 rows, s | its rows |`,
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...everybody.filter((one) => one.rows === rows).map(line),
    ...everybody.filter((one) => one.rows !== rows).map(line),
    ...absent,
  ]
}

const secondsOf = (one: Measured): number => middle(one, 'seconds')
const middle = (one: Measured, what: keyof Turn): number => median(one.turns.map((turn) => turn[what]))
const thousands = (value: number): string => value.toLocaleString('en-US')

function spread(one: Measured): string {
  const seconds = one.turns.map((turn) => turn.seconds)
  const range = seconds.length > 1 ? ` (${Math.min(...seconds).toFixed(2)} to ${Math.max(...seconds).toFixed(2)})` : ''
  return `${secondsOf(one).toFixed(2)}${range}`
}
