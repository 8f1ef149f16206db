import { execFile, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describeCommands } from '../../src/cli/completion/command-line.ts'
import { fishScript } from '../../src/cli/completion/fish-script.ts'
import { zshScript } from '../../src/cli/completion/zsh-script.ts'
import { commands } from '../../src/cli/command-table.ts'
import { atFileEnd, beforeAll, describe, expect, spawnMillrace, temporaryFolder, test } from '../support/test.ts'

const bin = fileURLToPath(new URL('../../bin/millrace.js', import.meta.url))
const run = promisify(execFile)
const has = (shell: string): boolean => spawnSync(shell, ['--version']).error === undefined

let folder: string
let scripts: Readonly<Record<'bash' | 'zsh' | 'fish', string>>

beforeAll(async () => {
  folder = await temporaryFolder()
  const bash = spawnMillrace(['completion', 'bash'])
  expect((await bash.exited).code).toBe(0)
  const lines = describeCommands(await Promise.all(Object.values(commands).map((make) => make())))
  const texts = { bash: bash.stdout(), zsh: zshScript(lines, bin), fish: fishScript(lines, bin) }
  scripts = { bash: join(folder, 'millrace.bash'), zsh: join(folder, '_millrace'), fish: join(folder, 'millrace.fish') }
  // On a busy machine a database may well take longer than a person waits.
  const patient = (text: string): string => text.replace('completion values', 'completion values --within 20000')
  for (const shell of ['bash', 'zsh', 'fish'] as const) {
    expect(patient(texts[shell])).not.toBe(texts[shell])
    await writeFile(scripts[shell], patient(texts[shell]))
  }
})

/** What a shell offers for each command line; the last word of each is the one that is being typed. */
async function offered(shell: 'bash' | 'zsh' | 'fish', lines: readonly (readonly string[])[], env: Readonly<Record<string, string>> = {}): Promise<string[][]> {
  const word = (text: string): string => `'${text}'`
  const driver = {
    bash: `source ${scripts.bash}
complete -p millrace >/dev/null || echo 'millrace is not completed'
try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _millrace; printf '%s\\n' "\${COMPREPLY[@]}" ==; }
${lines.map((words) => `try ${[bin, ...words].map(word).join(' ')}`).join('\n')}`,
    // zsh completes in its line editor alone: what it would show there is printed.
    zsh: `compdef() { : }
compset() { : }
_files() { print -l -- *(N) }
_describe() { print -l -- "\${(@P)@[-1]}" }
source ${scripts.zsh}
try() { words=("$@"); CURRENT=$#; _millrace; print -r -- '==' }
${lines.map((words) => `try ${[bin, ...words].map(word).join(' ')}`).join('\n')}`,
    fish: `source ${scripts.fish}
${lines.map((words) => `complete -C ${word(['millrace', ...words].join(' '))}; echo '=='`).join('\n')}`,
  }[shell]
  const path = join(folder, `driver.${shell}`)
  await writeFile(path, driver)
  const flags = shell === 'zsh' ? ['-f'] : shell === 'fish' ? ['--no-config'] : ['--norc']
  const { stdout } = await run(shell, [...flags, path], { cwd: folder, env: { PATH: process.env['PATH'], HOME: folder, ...env } })
  const answers = stdout.split(/^==\n/m).slice(0, -1)
  return answers.map((answer) => answer.split('\n').filter((line) => line !== ''))
}

const names = (line: readonly string[] | undefined): string[] => (line ?? []).map((one) => one.split(/[\t:]/)[0] ?? '')

describe.for(['bash', 'zsh', 'fish'] as const)('in %s', (shell) => {
  test.skipIf(!has(shell))('commands, options and the words that an option takes are offered, of no database', async () => {
    const [first, second, options, statuses, files, none, joined] = await offered(
      shell,
      [
        ['runs', ''],
        ['completion', ''],
        ['runs', 'list', '--json', '--'],
        ['runs', 'list', '--limit', '3', '--status', ''],
        ['infer', ''],
        ['materialize', ''],
        // bash hands over `--status=fa` as three words
        ['runs', 'list', ...(shell === 'bash' ? ['--status', '=', 'fa'] : ['--status=fa'])],
      ],
      { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' },
    )
    expect(names(first).toSorted()).toEqual(['cancel', 'list', 'logs', 'retry', 'show'])
    expect(names(second).toSorted()).toEqual(['bash', 'fish', 'zsh'])
    expect(names(options)).toEqual(expect.arrayContaining(['--status', '--asset', '--location', '--help']))
    expect(names(options)).not.toContain('--follow')
    expect(names(statuses).toSorted()).toEqual(['canceled', 'canceling', 'failed', 'queued', 'started', 'succeeded'])
    expect(joined?.join(' ')).toContain('failed')
    expect(joined?.join(' ')).not.toContain('--limit')
    expect(files?.join(' ')).toContain('driver')
    expect(names(none).filter((name) => !name.startsWith('-'))).toEqual([])
  })

  test.skipIf(!has(shell))('keys, locations and runs are offered, as the database has them', async ({ database }) => {
    const id = '0fee1bad-0000-4000-8000-000000000000'
    const assets = ['shop/stock', 'shop/total', 'other/rows'].map((key) => ({ key, kind: 'function', group: key.split('/')[0] }))
    await database.pool.query(
      `WITH m AS (INSERT INTO millrace.manifest (location, version, document) VALUES ('shop_place', 'v1', $1) ON CONFLICT DO NOTHING),
            l AS (INSERT INTO millrace.location (name, version) VALUES ('shop_place', 'v1') ON CONFLICT DO NOTHING)
       INSERT INTO millrace.run (id, location, version, assets, launched_by) VALUES ($2, 'shop_place', 'v1', '{shop/stock}', 'test') ON CONFLICT DO NOTHING`,
      [JSON.stringify({ assets, schedules: [] }), id],
    )
    const lines = [
      ['materialize', 'shop/'],
      ['materialize', 'other/rows', '+shop/s'],
      ['assets', 'list', '--location', ''],
      ['assets', 'list', '--group', 's'],
      ['runs', 'show', '0f'],
    ]
    const [keys, upstream, locations, groups, runs] = await offered(shell, lines, { DATABASE_URL: database.url })
    expect(names(keys)).toEqual(['shop/stock', 'shop/total'])
    expect(names(upstream)).toEqual(['+shop/stock'])
    expect(names(locations)).toEqual(['shop_place'])
    expect(names(groups)).toEqual(['shop'])
    expect(names(runs)).toEqual(['0fee1bad'])
  })
})

test('a database that keeps silent is not waited for, and a folder without one is no error', async () => {
  const silent = createServer(() => undefined).listen(0, '127.0.0.1')
  atFileEnd(() => void silent.close())
  await once(silent, 'listening')
  const { port } = silent.address() as AddressInfo
  for (const env of [{ DATABASE_URL: `postgres://nobody@127.0.0.1:${String(port)}/none` }, {}]) {
    const asked = spawnMillrace(['completion', 'values', 'assets', 'a'], env, { cwd: folder })
    expect(await asked.exited).toEqual({ code: 0, signal: null })
    expect(asked.output()).toBe('')
  }
})
