import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { atFileEnd, expect, freePort, temporaryFolder, test, waitFor } from '../support/test.ts'

const checkout = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)

/** What a user's shell has: this Node first, and nothing of the checkout. */
const env = {
  PATH: [dirname(process.execPath), ...(process.env['PATH'] ?? '').split(delimiter).filter((one) => !one.startsWith(checkout))].join(delimiter),
  HOME: process.env['HOME'],
}
/** npm itself may need more to reach its registry (a proxy, certificates), but not what the npm around this test run tells its scripts. */
const npmEnv = {
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(npm_(package|lifecycle|command|node|execpath|config_(local_)?prefix)|node_env)/i.test(name)),
  ),
  ...env,
}

/** What a person does next. */
async function installAndTry(project: string): Promise<void> {
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund'], { cwd: project, env: npmEnv, maxBuffer: 1 << 26 })
  await run('npm', ['run', 'types'], { cwd: project, env })
  expect((await run('npm', ['test'], { cwd: project, env })).stdout).toMatch(/pass 1\b/)
}

test('the package, installed from its tarball in an empty folder, begins a project that starts and fills its tables', { timeout: 420_000 }, async () => {
  const folder = await temporaryFolder()
  const project = join(folder, 'rivers')
  await mkdir(project)
  await run('npm', ['pack', '--pack-destination', folder], { cwd: checkout, env: npmEnv, maxBuffer: 1 << 26 })
  const [tarball = ''] = (await readdir(folder)).filter((name) => name.endsWith('.tgz'))
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', `../${tarball}`], { cwd: project, env: npmEnv, maxBuffer: 1 << 26 })
  const millrace = (...args: string[]) => run('npx', ['--no-install', 'millrace', ...args], { cwd: project, env })

  const { stdout } = await millrace('init')
  expect(stdout).toContain('npm start')
  const packageFile: unknown = JSON.parse(await readFile(join(project, 'package.json'), 'utf8'))
  expect(packageFile).toMatchObject({ type: 'module', scripts: { start: 'millrace dev' }, dependencies: { millrace: `file:../${tarball}` } })
  await installAndTry(project)

  await writeFile(join(project, '.env'), `PORT=${String(await freePort())}\nHOST=127.0.0.1\n`)
  const started = spawn('npm', ['start'], { cwd: project, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  let output = ''
  for (const stream of [started.stdout, started.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const ended = new Promise<void>((resolve) => {
    started.once('close', () => resolve())
  })
  atFileEnd(async () => {
    endGroup(started.pid, 'SIGKILL')
    await ended
  })

  const rows = await waitFor(
    async () => rowsOf((await millrace('sql', '--json', 'select station, count(*) as hours from rivers.readings group by station order by station')).stdout),
    {
      what: 'the rows of the new project',
      timeoutMs: 120_000,
    },
  ).catch((error: unknown) => Promise.reject(new Error(`${String(error)}\n${output}`, { cause: error })))
  expect(rows).toEqual([
    { station: 'harbour', hours: 24 },
    { station: 'hill', hours: 24 },
    { station: 'wood', hours: 24 },
  ])
  const warmest = await waitFor(async () => rowsOf((await millrace('sql', '--json', 'select station from rivers.warmest_hour')).stdout), {
    what: 'the view',
    timeoutMs: 60_000,
  })
  expect(warmest).toHaveLength(3)
  expect((await millrace('doctor')).stdout).toContain('Nothing is broken.')
  expect((await millrace('runs', 'list')).stdout).toContain('rivers/readings')

  const postmaster = join(project, '.millrace/database/postgres/postmaster.pid')
  expect(existsSync(postmaster)).toBe(true)
  endGroup(started.pid, 'SIGINT')
  await ended
  expect(existsSync(postmaster)).toBe(false)
})

test('out of a checkout, a project has types and `millrace/testing` once it is installed', { timeout: 420_000 }, async () => {
  const folder = await temporaryFolder()
  await rm(join(checkout, 'dist'), { recursive: true, force: true })
  await run(process.execPath, [join(checkout, 'bin/millrace.js'), 'init', 'brooks'], { cwd: folder, env })
  await installAndTry(join(folder, 'brooks'))
})

function rowsOf(text: string): unknown[] | null {
  const rows: unknown = JSON.parse(text)
  return Array.isArray(rows) && rows.length > 0 ? rows : null
}

/** To npm and all that it started, as Ctrl-C does. */
function endGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
