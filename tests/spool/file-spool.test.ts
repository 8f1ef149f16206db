import { spawnSync } from 'node:child_process'
import { chmod, mkdir, readdir, readFile, rename, rm, statfs, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createFileSpool } from '../../src/spool/file-spool.ts'
import type { Spool } from '../../src/spool/spool.ts'
import { entriesOf, spoolContract } from '../contracts/spool.ts'
import { failureOf } from '../sources/failure.ts'
import { atFileEnd, expect, temporaryFolder, test } from '../support/test.ts'

const folders = new WeakMap<Spool, string>()
const folderOf = (spool: Spool): string => folders.get(spool) ?? ''
const open = (folder: string): Spool => {
  const spool = createFileSpool(folder)
  folders.set(spool, folder)
  return spool
}

spoolContract('files', {
  create: async () => open(await temporaryFolder()),
  reopen: (spool) => open(folderOf(spool)),
  lose: (spool, { name }) => rm(join(folderOf(spool), name)),
  async damage(spool, { name }, change) {
    const path = join(folderOf(spool), name)
    await writeFile(path, change(await readFile(path)))
  },
  async breakOff(spool, name) {
    const path = join(folderOf(spool), name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(`${path}.writing-1`, 'half')
  },
})

test('a file that is half written is never seen under its name, and none is left of a write that failed', async () => {
  const folder = await temporaryFolder()
  const spool = open(folder)
  async function* failing() {
    yield Buffer.from('half')
  }
  // A chunk that is none breaks the write in its middle.
  const broken = [Buffer.from('half'), failing()] as unknown as Uint8Array[]
  expect(await failureOf(spool.write('step/1/a.raw', broken, { durable: true }))).toMatchObject({ code: 'SPOOL_FAILED', retryable: true })
  expect(await readdir(join(folder, 'step/1'))).toEqual([])
})

test('a folder that cannot be written to is named, with what to do', async ({ skip }) => {
  if (process.getuid?.() === 0) skip('root may write everywhere')
  const folder = await temporaryFolder()
  await chmod(folder, 0o555)
  const error = await failureOf(open(folder).write('step/1/a', [Buffer.from('x')], { durable: true }))
  expect(error).toMatchObject({
    code: 'SPOOL_FAILED',
    retryable: true,
    message: expect.stringContaining(folder),
    hint: expect.stringContaining('MILLRACE_SPOOL'),
  })
})

test('a spool whose root is a file says so', async () => {
  const path = join(await temporaryFolder(), 'file')
  await writeFile(path, '')
  expect(await failureOf(open(path).write('step/1/a', [Buffer.from('x')], { durable: true }))).toMatchObject({
    code: 'SPOOL_FAILED',
    message: expect.stringContaining(path),
  })
})

test('a full disk is named, leaves what was there readable, and passes when there is room again', async ({ skip }) => {
  const folder = await temporaryFolder()
  const mounted = process.getuid?.() === 0 && spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder]).status === 0
  if (!mounted) skip('a small disk can be mounted by root only')
  atFileEnd(() => void spawnSync('umount', ['-l', folder]))
  const spool = open(folder)
  const first = await spool.write('step/1/small', [Buffer.alloc(1000, 'a')], { durable: true })
  const error = await failureOf(spool.write('step/1/large', [Buffer.alloc(200_000), Buffer.alloc(200_000)], { durable: true }))
  expect(error).toMatchObject({
    code: 'SPOOL_FULL',
    retryable: true,
    message: `The disk of the spool ${folder} is full.`,
    hint: expect.stringContaining('MILLRACE_SPOOL'),
  })
  expect((await spool.read(first)).length).toBe(1000)
  // What the failed write left does not keep the disk full.
  expect((await spool.write('step/1/other', [Buffer.alloc(100_000)], { durable: true })).bytes).toBe(100_000)
})

test('a folder that nothing is left in goes with the last of it', async () => {
  const folder = await temporaryFolder()
  const spool = open(folder)
  for (const name of ['step/1/a.raw', 'step/2/b.raw']) await spool.write(name, [Buffer.from('x')], { durable: false })
  await spool.remove('step/1/a.raw')
  expect(await readdir(join(folder, 'step'))).toEqual(['2'])
  await spool.remove('step/2/')
  expect(await readdir(folder)).toEqual([])
  await Promise.all(
    Array.from({ length: 50 }, async (_, index) => {
      const { name } = await spool.write(`step/1/${String(index)}`, [Buffer.from('x')], { durable: false })
      await spool.remove(name)
    }),
  )
  expect(await readdir(folder)).toEqual([])
})

test('a volume that is not mounted any more is unreachable, and what is in it is not lost', async () => {
  const folder = join(await temporaryFolder(), 'volume')
  const spool = open(folder)
  await spool.id()
  const reference = await spool.write('step/1/a.raw', [Buffer.from('kept')], { durable: true })
  await rename(folder, `${folder}-elsewhere`)
  await mkdir(folder)
  const unreachable = { code: 'SPOOL_FAILED', message: expect.stringContaining('its id is gone'), hint: expect.stringContaining('Mount') }
  expect(await failureOf(spool.read(reference))).toMatchObject(unreachable)
  expect(await failureOf(spool.write('step/1/b.raw', [Buffer.from('x')], { durable: true }))).toMatchObject(unreachable)
  expect(await readdir(folder)).toEqual([])
  await rm(folder, { recursive: true })
  await rename(`${folder}-elsewhere`, folder)
  expect(String(await spool.read(reference))).toBe('kept')
})

test('a write that would leave less than it must counts the disk as full, and leaves nothing', async () => {
  const folder = await temporaryFolder()
  const spool = open(folder)
  const { bavail, bsize } = await statfs(folder)
  expect(await failureOf(spool.write('step/1/a.raw', [Buffer.alloc(1000)], { durable: true, leave: bavail * bsize * 2 }))).toMatchObject({ code: 'SPOOL_FULL' })
  expect(await entriesOf(spool)).toEqual([])
  await spool.write('step/1/a.raw', [Buffer.alloc(1000)], { durable: true, leave: 1000 })
  expect(await entriesOf(spool)).toHaveLength(1)
})
