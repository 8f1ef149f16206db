import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Cluster } from '../cluster.ts'
import type { Contender } from './contender.ts'
import { runProcess } from './run-process.ts'

const scripts = fileURLToPath(new URL('./peers/', import.meta.url))
const requirements = join(scripts, 'requirements.txt')
const cache = fileURLToPath(new URL('../../.cache/bench-peers', import.meta.url))
const bin = join(cache, 'venv', 'bin')

/** Puts the peers into a Python environment of their own, once for each state of their requirements. What does not install is said; it is not measured then. */
export function installPeers(say: (line: string) => void): void {
  const wanted = readFileSync(requirements, 'utf8')
  const stamp = join(cache, 'installed')
  const hash = createHash('sha256').update(wanted).digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return
  const pip = (...args: readonly string[]): void => {
    execFileSync(join(bin, 'pip'), ['install', '--quiet', '--disable-pip-version-check', ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
  }
  rmSync(cache, { recursive: true, force: true })
  mkdirSync(cache, { recursive: true })
  try {
    execFileSync('python3', ['-m', 'venv', join(cache, 'venv')], { stdio: ['ignore', 'ignore', 'pipe'] })
  } catch (error) {
    say(`The peers written in Python are not measured: python3 -m venv failed. ${reason(error)}`)
    return
  }
  const missing: string[] = []
  try {
    pip('-r', requirements)
  } catch {
    for (const line of wanted.split('\n').filter((text) => text !== '' && !text.startsWith('#'))) {
      try {
        pip(line)
      } catch (error) {
        missing.push(line)
        say(`${line} does not install: ${reason(error)}`)
      }
    }
  }
  if (missing.length === 0) writeFileSync(stamp, hash)
}

function reason(error: unknown): string {
  const text = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error)
  return text.trim().split('\n').at(-1) ?? ''
}

export interface Peer {
  readonly name: string
  /** Of its schema, which nobody else uses. */
  readonly id: string
  /** The file in peers/ that runs it, and what it is given. */
  readonly script: string
  readonly args?: readonly string[]
  readonly share?: number
  readonly columns?: string
  readonly query?: (table: string) => string
  /** More settings, beside where the rows come from and go to. */
  readonly env?: (rows: number) => Readonly<Record<string, string>>
}

/** A program that is measured beside us: it reads from its environment how many rows to move, from where, and into which table. */
export function peer(cluster: Cluster, { name, id, script, args = [], share, columns, query, env }: Peer): Contender {
  const schema = `peer_${id}`
  const table = `${schema}.moved`
  return {
    name,
    table,
    ours: false,
    ...(share === undefined ? {} : { share }),
    ...(columns === undefined ? {} : { columns }),
    ...(query === undefined ? {} : { query: query(table) }),
    load(rows) {
      // What a tool keeps from one run to the next would make it another run.
      const state = join(cluster.folder, 'peers', id)
      rmSync(state, { recursive: true, force: true })
      mkdirSync(state, { recursive: true })
      const program = script.endsWith('.ts') ? process.execPath : join(bin, 'python')
      return runProcess(program, [join(scripts, script), ...args], {
        BENCH_TARGET_URL: cluster.postgres.url,
        BENCH_TARGET_SCHEMA: schema,
        BENCH_TARGET_TABLE: 'moved',
        BENCH_SOURCE_URL: cluster.sourceUrl,
        BENCH_ROWS: String(rows),
        BENCH_STATE: state,
        ...env?.(rows),
      })
    },
  }
}
