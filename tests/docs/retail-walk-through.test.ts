import { spawn } from 'node:child_process'
import { cpSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stockCsv } from '../../pipelines/retail-kpis/generator.ts'
import { createProject } from '../cli/project.ts'
import { kpisOf } from '../pipelines/stock-kpis.ts'
import { atFileEnd, createDatabase, expect, freePort, test, waitFor } from '../support/test.ts'

/*
 * Types what docs/retail-kpis.md says, from top to bottom, in a copy of the pipeline: `sh` blocks into a shell, `ts` blocks that a sentence names a file for
 * into that file. Each `text` block is what the block before it printed: line by line, `…` for whatever is there.
 */

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = readFileSync(join(root, 'docs/retail-kpis.md'), 'utf8')
const blocks = [...page.matchAll(/([^\n]*)\n\n```(sh|ts|text)\n([^]*?)^```$/gm)].map(([, sentence = '', kind = '', text = '']) => ({ sentence, kind, text }))

/** Starts a shell with what a person has in it; `npx` runs what `npm ci` installed. */
async function createTerminal(env: Readonly<Record<string, string>>, ports: Readonly<Record<string, number>>) {
  const { folder } = await createProject({})
  cpSync(join(root, 'pipelines/retail-kpis'), join(folder, 'pipelines/retail-kpis'), { recursive: true })
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  const program = (name: string, command: string): void => writeFileSync(join(bin, name), `#!/bin/sh\n${command}\n`, { mode: 0o755 })
  program('npx', 'exec "$@"')
  program('millrace', `exec '${process.execPath}' '${join(root, 'bin/millrace.js')}' "$@"`)
  program('npm', `exec '${process.execPath}' '${join(root, 'bin/millrace.js')}' dev`)
  program('fauxqs', `exec '${process.execPath}' '${join(root, 'node_modules/fauxqs/dist/cli.js')}'`)
  const start = (text: string) => {
    const script = Object.entries(ports).reduce((all, [port, free]) => all.replaceAll(`127.0.0.1:${port}`, `127.0.0.1:${String(free)}`), text)
    // One pipe: what comes first is read first.
    const shell = spawn('sh', ['-c', `exec 2>&1\n${script}`], {
      cwd: folder,
      env: { PATH: `${bin}:${process.env['PATH'] ?? ''}`, HOME: folder, NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    })
    let output = ''
    shell.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk))
    let ended = false
    const exited = new Promise<number | null>((resolve) =>
      shell.once('close', (code) => {
        ended = true
        resolve(code)
      }),
    )
    const stop = async (): Promise<void> => {
      if (!ended && shell.pid !== undefined) process.kill(-shell.pid, 'SIGKILL')
      await exited
    }
    atFileEnd(stop)
    return { exited, output: () => output }
  }
  return {
    folder,
    start,
    async type(text: string): Promise<{ readonly code: number | null; readonly output: string }> {
      const running = start(text)
      const code = await running.exited
      return { code, output: running.output() }
    },
  }
}

/** Lines of a page that a block did not print, in their order. How wide a column is does not count. */
function missingLines(expected: string, output: string): string[] {
  const linesOf = (text: string): string[] => text.split('\n').map((line) => line.trim().replaceAll(/ +/g, ' '))
  const printed = linesOf(output)
  let next = 0
  return linesOf(expected).filter((line) => {
    if (line === '' || line === '…') return false
    const found = printed.findIndex((one, index) => index >= next && fits(one, line.split('…')))
    if (found >= 0) next = found + 1
    return found < 0
  })
}

/** Whether a line begins with the first of these parts, and has the others behind it. */
function fits(line: string, [first = '', ...others]: readonly string[]): boolean {
  if (!line.startsWith(first)) return false
  let at = first.length
  return others.every((part) => {
    const found = line.indexOf(part, at)
    at = found + part.length
    return found >= 0
  })
}

test('what the walk-through says is typed, and does what it says', { timeout: 900_000 }, async () => {
  const { url, pool } = await createDatabase('template0')
  await using _ = { [Symbol.asyncDispose]: () => pool.end() }
  const [s3, board] = [await freePort(), await freePort()]
  const terminal = await createTerminal({ DATABASE_URL: url, FAUXQS_PORT: String(s3), PORT: String(board) }, { '4566': s3, '3000': board })
  const workers = async (): Promise<string[]> => {
    const { rows } = await pool.query<{ id: string }>(`SELECT id::text FROM millrace.process WHERE role = 'worker' AND lease_until > clock_timestamp()`)
    return rows.map(({ id }) => id)
  }
  const source = globSync('pipelines/retail-kpis/*.ts', { cwd: root })
    .map((file) => readFileSync(join(root, file), 'utf8'))
    .join('\n')
  const bucket = `http://127.0.0.1:${String(s3)}/retail-audit`
  const because =
    (program: { output(): string }) =>
    (cause: unknown): never => {
      throw new Error(program.output(), { cause })
    }
  let last = ''
  for (const { sentence, kind, text } of blocks) {
    const file = /`(pipelines\/\S+\.ts)`(?: be)?:$/.exec(sentence)?.[1]
    if (kind === 'text') {
      expect(missingLines(text, last), last).toEqual([])
    } else if (kind === 'ts' && file !== undefined) {
      // What is there afterwards was stored through this file, and by no one before.
      if (text.includes('postgresSeries')) await pool.query('DROP TABLE retail.revenue, retail.units_sold, retail.average_sales_price')
      const before = await workers()
      writeFileSync(join(terminal.folder, file), text)
      const isAnother = (now: readonly string[]): boolean => now.length === 1 && !before.includes(now[0] ?? '')
      await waitFor(async () => isAnother(await workers()), { what: 'a worker with the new definitions, and no other', timeoutMs: 60_000 })
    } else if (kind === 'ts') {
      expect(source).toContain(text)
    } else if (/ npx fauxqs$/m.test(text)) {
      const server = terminal.start(text)
      await waitFor(async () => (await fetch(bucket)).ok, { what: 'the S3 server', timeoutMs: 60_000 }).catch(because(server))
    } else if (/^npm start$/m.test(text)) {
      const millrace = terminal.start(text)
      await waitFor(() => millrace.output().includes('Ctrl-C ends it.'), { what: 'npm start', timeoutMs: 120_000 }).catch(because(millrace))
    } else {
      const { code, output } = await terminal.type(text)
      expect(code, output).toBe(0)
      last = output
    }
  }
  expect(blocks.filter(({ kind }) => kind === 'sh').length).toBeGreaterThan(6)

  const days = Array.from({ length: 23 }, (_, day) => `2023-08-${String(day + 2).padStart(2, '0')}`)
  const { rows } = await pool.query(
    `SELECT r.date::text, r.value::text AS revenue, u.value::int AS units, a.value::text AS average, count(o)::int AS records
     FROM retail.revenue r JOIN retail.units_sold u USING (date) JOIN retail.average_sales_price a USING (date) LEFT JOIN retail.operational_data o USING (date)
     GROUP BY 1, 2, 3, 4 ORDER BY 1`,
  )
  expect(rows).toEqual(days.map((date) => ({ date, ...kpisOf(stockCsv(date)) })))
  for (const asset of ['operational_data', 'revenue', 'units_sold', 'average_sales_price']) {
    const listed = await (await fetch(`${bucket}?list-type=2&prefix=daily/retail/${asset}/`)).text()
    expect([...listed.matchAll(/<Key>([^<]*)/g)].map(([, key]) => key)).toEqual(days.map((date) => `daily/retail/${asset}/${date}.json`))
  }
})
