import { spawn, spawnSync } from 'node:child_process'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import pg from 'pg'
import { createEmbeddedPostgres, embeddedPostgresUrl, type EmbeddedPostgresOptions } from '../../src/embedded/embedded-postgres.ts'
import { isAlive } from '../../src/embedded/process-identity.ts'
import { atFileEnd, expect, freePort, temporaryFolder, test, waitFor } from '../support/test.ts'
import { startServerProcess } from './server-process.ts'

async function start(folder: string, options: Partial<EmbeddedPostgresOptions> = {}) {
  const server = await createEmbeddedPostgres({ folder, durable: false, ...options })
  atFileEnd(() => server.close())
  return server
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

test('a second start finds the rows of the first, at the same address', async () => {
  const folder = await temporaryFolder()
  const first = await start(folder, { durable: true })
  expect(await query(first.url, 'SHOW fsync')).toEqual([{ fsync: 'on' }])
  await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer')
  expect(await embeddedPostgresUrl(folder)).toBe(first.url)
  await first.close()
  expect(await embeddedPostgresUrl(folder)).toBeNull()
  const second = await start(folder, { durable: true })
  expect(await query(second.url, 'TABLE kept')).toEqual([{ answer: 42 }])
  expect(second.url).toBe(first.url)
})

test('a durable server asks for its password', async () => {
  const server = await start(await temporaryFolder(), { durable: true, password: 'a b/c' })
  expect(server.url).toContain(':a%20b%2Fc@127.0.0.1:')
  await expect(query(server.url.replace('a%20b%2Fc', 'wrong'), 'SELECT 1')).rejects.toThrow('password authentication failed')
})

test('stopping waits for no open transaction, and leaves no process', async () => {
  const server = await start(await temporaryFolder())
  const client = new pg.Client(server.url)
  client.on('error', () => undefined)
  await client.connect()
  await client.query('BEGIN; CREATE TABLE never_committed ()')
  await server.close()
  expect(isAlive(server.pid)).toBe(false)
})

test('a folder in use is refused, to this process and to others, until its user ends', async () => {
  const folder = await temporaryFolder()
  const other = await startServerProcess(folder)
  await expect(start(folder, { durable: true })).rejects.toMatchObject({ name: 'ConfigError', code: 'ALREADY_RUNNING' })
  await other.end('SIGTERM')
  await start(folder, { durable: true })
  await expect(start(folder, { durable: true })).rejects.toMatchObject({ code: 'ALREADY_RUNNING' })
})

test('a server whose parent was killed is taken over as it runs', async () => {
  const folder = await temporaryFolder()
  const orphaned = await startServerProcess(folder)
  await orphaned.end('SIGKILL')
  expect(isAlive(orphaned.pid)).toBe(true)
  const messages: string[] = []
  const server = await start(folder, { durable: true, log: (message) => messages.push(message) })
  expect(server.pid).toBe(orphaned.pid)
  expect(messages.join()).toContain('Taking over')
  await server.close()
  expect(isAlive(orphaned.pid)).toBe(false)
})

test('a server whose parent was killed is started again when other settings are asked for', async () => {
  const folder = await temporaryFolder()
  const orphaned = await startServerProcess(folder)
  await orphaned.end('SIGKILL')
  const server = await start(folder, { durable: true, settings: { work_mem: '7MB' } })
  expect(isAlive(orphaned.pid)).toBe(false)
  expect(await query(server.url, 'SHOW work_mem')).toEqual([{ work_mem: '7MB' }])
})

test('a crash of the machine, after which the files name a process that is now another program, hinders no start', async () => {
  const folder = await temporaryFolder()
  const server = await start(folder)
  process.kill(server.pid, 'SIGKILL')
  await waitFor(() => !isAlive(server.pid), { what: 'the server to be gone' })
  await server.close()
  // Of the server's own user, and not its parent: those that Postgres itself takes for another server.
  const { uid, gid } = statSync(join(folder, 'postgres'))
  const other = spawn('sleep', ['60'], { stdio: 'ignore', ...(process.getuid?.() === 0 ? { uid, gid } : {}) })
  atFileEnd(() => void other.kill())
  const file = join(folder, 'postgres', 'postmaster.pid')
  writeFileSync(file, readFileSync(file, 'utf8').replace(/^\d+/, String(other.pid)))
  writeFileSync(join(folder, 'millrace.lock'), JSON.stringify({ pid: process.pid, start: 'an earlier boot/1' }))
  expect(await query((await start(folder)).url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
})

test('data of another major version is refused, untouched', async () => {
  const folder = await temporaryFolder()
  await mkdir(join(folder, 'postgres'))
  writeFileSync(join(folder, 'postgres', 'PG_VERSION'), '15\n')
  await expect(start(folder)).rejects.toMatchObject({ name: 'ConfigError', code: 'DATA_FOLDER_VERSION', message: expect.stringContaining('PostgreSQL 15') })
  expect(readFileSync(join(folder, 'postgres', 'PG_VERSION'), 'utf8')).toBe('15\n')
})

test('a port that another program has is named', async () => {
  const port = await freePort()
  const other = createServer().listen(port, '127.0.0.1')
  atFileEnd(() => void other.close())
  await expect(start(await temporaryFolder(), { port })).rejects.toMatchObject({
    name: 'ConfigError',
    code: 'PORT_TAKEN',
    message: expect.stringContaining(String(port)),
  })
})

test('only programs on this machine can reach the server', async () => {
  const { url, port } = await start(await temporaryFolder())
  expect(await query(url, 'SHOW listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }])
  // 127.0.0.2 is this machine too, and no address the server was told to listen on.
  const refused = await new Promise((resolve) => connect(port, '127.0.0.2', () => resolve(null)).once('error', resolve))
  expect(refused).toMatchObject({ code: 'ECONNREFUSED' })
})

test('a full disk is said to be full', async ({ skip }) => {
  const folder = await temporaryFolder()
  const mounted = process.getuid?.() === 0 && spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', folder]).status === 0
  if (!mounted) skip('a small file system can be mounted by root alone')
  try {
    await expect(start(folder)).rejects.toMatchObject({ name: 'ConfigError', code: 'DISK_FULL', hint: expect.stringContaining('256 MiB') })
  } finally {
    spawnSync('umount', [folder])
  }
})
