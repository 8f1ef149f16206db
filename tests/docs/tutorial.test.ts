import { existsSync, readFileSync } from 'node:fs'
import { cp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createProject } from '../cli/project.ts'
import { describe, expect, freePort, spawnMillrace, test, waitFor } from '../support/test.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = readFileSync(join(root, 'docs/tutorial.md'), 'utf8')

/** Blocks of code, with the file that the sentence before names; those of pipelines/basics are whole, of the tests a part is shown. */
const named = [...page.matchAll(/`((?:pipelines|tests)\/[\w./-]+)`:\n\n```ts\n([^]*?)^```$/gm)].map(([, file = '', code = '']) => ({ file, code }))
const wordsOf = (command: string): string[] => [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')

/** Commands, each with what the page says that it prints, or the last of those before it; `…` is anything. */
const commands = [...page.matchAll(/^```sh\n([^]*?)^```$(?:\n\n```text\n([^]*?)^```$)?/gm)].flatMap(([, block = '', text = '']) => {
  const lines = [...block.matchAll(/^npx millrace (.+)$/gm)].map(([, rest = '']) => rest)
  return lines.map((command, at) => ({ command, prints: at === lines.length - 1 ? text.split('\n').filter((line) => line !== '') : [] }))
})
const patternOf = (line: string): RegExp => new RegExp(line.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll('…', '.*'))

describe('the tutorial', () => {
  test('shows the files of pipelines/basics as they are, which are compiled and tested with the rest', () => {
    expect(named).toHaveLength([...page.matchAll(/^```ts$/gm)].length)
    expect(named.filter(({ file }) => file.startsWith('pipelines/'))).toHaveLength(8)
    for (const { file, code } of named) {
      const text = readFileSync(join(root, file), 'utf8')
      if (file.startsWith('pipelines/')) expect(code, file).toBe(text)
      else expect(text, file).toContain(code)
    }
    const shown = named.filter(({ file }) => file === 'tests/pipelines/basics.test.ts').map(({ code }) => code)
    expect(shown.join('\n')).toBe(readFileSync(join(root, 'tests/pipelines/basics.test.ts'), 'utf8'))
  })

  test('names commands that do what it says, beside an installation that runs', { timeout: 300_000 }, async ({ database }) => {
    const { folder, pipelines } = await createProject({})
    await cp(join(root, 'pipelines/basics'), join(pipelines, 'basics'), { recursive: true })
    const env = { DATABASE_URL: database.url, MILLRACE_HOME: join(folder, '.millrace'), MILLRACE_PIPELINES: pipelines, PORT: String(await freePort()) }
    const dev = spawnMillrace(['dev', '--no-watch'], env, { cwd: folder })
    await dev.waitForOutput(/Ctrl-C ends it/, { timeoutMs: 100_000 })
    for (const { command, prints } of commands) {
      const run = spawnMillrace(wordsOf(command), env, { cwd: folder })
      const { code } = await run.exited
      expect(code, `${command}\n${run.output()}`).toBe(command.startsWith('backfill') ? 1 : 0)
      for (const line of prints) expect(run.output(), command).toMatch(patternOf(line))
    }
    expect(JSON.parse(await readFile(join(folder, '.millrace/values/stock/forecast_next_month/value.json'), 'utf8'))).toEqual({ apples: 340, pears: 200 })
    const third = join(folder, '.millrace/values/stock/deliveries/2026-01-09.json')
    await waitFor(() => existsSync(third), { what: 'the run that the sensor asked for', timeoutMs: 60_000 })
  })
})
