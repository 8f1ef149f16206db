import { randomUUID } from 'node:crypto'
import { link, mkdir, open, opendir, readFile, rename, rm, rmdir, stat, statfs, unlink, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { crc32 } from 'node:zlib'
import { syncFolder } from '../sync-folder.ts'
import { expectChecksum, expectLength } from './reference.ts'
import type { Spool, SpoolEntry, SpoolReference } from './spool.ts'
import { SpoolLostError } from './spool-lost-error.ts'
import { SpoolUnavailableError } from './spool-unavailable-error.ts'

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '')

/** A spool of files below one folder: of one machine, or of a volume that all workers mount. */
export function createFileSpool(root: string): Spool {
  const idPath = join(root, 'id')
  let id: string | undefined
  /** A volume that is no longer mounted leaves an empty folder: what is missing there is not lost, and what is written there is. */
  const expectMounted = async (): Promise<void> => {
    if (id === undefined) return
    const found = await readFile(idPath, 'utf8').catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return ''
      throw error
    })
    if (found.trim() !== id) throw notMounted(root)
  }
  return {
    async id() {
      try {
        id = await readOrMakeId(root, idPath)
        return id
      } catch (error) {
        throw spoolFailed(root, error)
      }
    },
    async write(name, chunks, { durable, leave = 0 }) {
      const path = join(root, name)
      try {
        await expectMounted()
        const reference = await writeWhole(path, name, chunks, durable, leave)
        // The volume may have gone in between: then the bytes lie beside it, under its mount point.
        await expectMounted()
        await stat(path)
        // After the write as well: of several that found room at once, all see what is left now.
        if (leave === 0 || (await freeBytes(root)) >= leave) return reference
        await unlink(path)
      } catch (error) {
        throw spoolFailed(root, error)
      }
      throw spoolFull(root)
    },
    async read(reference, into) {
      const path = join(root, reference.name)
      try {
        const bytes = await readWhole(path, reference, into).catch(async (error: unknown) => {
          if (codeOf(error) !== 'ENOENT') throw error
          await expectMounted()
          // Once more: the volume may have come back between the two.
          return readWhole(path, reference, into)
        })
        expectChecksum(reference.name, bytes, reference.crc)
        return bytes
      } catch (error) {
        if (error instanceof SpoolLostError) throw error
        throw codeOf(error) === 'ENOENT' ? new SpoolLostError(reference.name, 'is gone', error) : spoolFailed(root, error)
      }
    },
    async remove(prefix) {
      try {
        const path = join(root, prefix)
        await rm(path, { recursive: true, force: true })
        await removeEmpty(dirname(path), root)
      } catch (error) {
        throw spoolFailed(root, error)
      }
    },
    list: () => entriesOf(root),
    close: async () => undefined,
  }
}

async function readOrMakeId(root: string, path: string): Promise<string> {
  await mkdir(root, { recursive: true })
  const mine = join(root, `id-${randomUUID()}`)
  await writeFile(mine, randomUUID())
  // The first to link wins, and no reader ever sees a half-written id.
  await link(mine, path).catch((error: unknown) => {
    if (codeOf(error) !== 'EEXIST') throw error
  })
  await unlink(mine)
  return (await readFile(path, 'utf8')).trim()
}

async function writeWhole(path: string, name: string, chunks: readonly Uint8Array[], durable: boolean, leave: number): Promise<SpoolReference> {
  const folder = dirname(path)
  // Its own, or two who write one name at once would write into one file.
  const temporary = `${path}.writing-${randomUUID()}`
  const file = await openIn(folder, temporary)
  let bytes = 0
  let crc = 0
  try {
    if (leave > 0) await expectRoom(folder, chunks, leave)
    for (const chunk of chunks) {
      await file.writeFile(chunk)
      bytes += chunk.length
      crc = crc32(chunk, crc)
    }
    if (durable) await file.datasync()
  } catch (error) {
    // What a full disk took of it would keep the disk full.
    await unlink(temporary).catch(() => undefined)
    throw error
  } finally {
    await file.close()
  }
  await rename(temporary, path)
  if (durable) await syncFolder(folder)
  return { name, bytes, crc }
}

/** A folder that was made may be gone again before a file is in it: whoever removed the last file of it takes it along. */
async function openIn(folder: string, path: string) {
  for (let tries = 1; ; tries += 1) {
    try {
      await mkdir(folder, { recursive: true })
      return await open(path, 'w')
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' || tries === 5) throw error
    }
  }
}

async function expectRoom(folder: string, chunks: readonly Uint8Array[], leave: number): Promise<void> {
  const wanted = chunks.reduce((sum, chunk) => sum + chunk.length, leave)
  if ((await freeBytes(folder)) < wanted) throw Object.assign(new Error('there would not be enough room left'), { code: 'ENOSPC' })
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}

async function readWhole(path: string, reference: SpoolReference, into: Buffer | undefined): Promise<Buffer> {
  const { name, bytes } = reference
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    expectLength(reference, size)
    const buffer = into !== undefined && into.length >= bytes ? into.subarray(0, bytes) : Buffer.allocUnsafeSlow(bytes)
    for (let at = 0; at < bytes;) {
      const { bytesRead } = await file.read(buffer, at, bytes - at, at)
      if (bytesRead === 0) throw new SpoolLostError(name, `ends after ${String(at)} of ${String(bytes)} bytes`)
      at += bytesRead
    }
    return buffer
  } finally {
    await file.close()
  }
}

/** Folders that nothing is in any more, from the innermost on; the root stays. */
async function removeEmpty(folder: string, root: string): Promise<void> {
  for (let path = folder; path.startsWith(root) && relative(root, path) !== ''; path = dirname(path)) {
    const code = await rmdir(path).then(() => '', codeOf)
    // One that is gone already may be the last thing that kept the one around it.
    if (code !== '' && code !== 'ENOENT') return
  }
}

async function* entriesOf(root: string): AsyncGenerator<SpoolEntry, void, undefined> {
  try {
    const now = await clockOf(root)
    for await (const entry of await opendir(root, { recursive: true })) {
      const path = join(entry.parentPath, entry.name)
      const name = relative(root, path)
      if (!entry.isFile() || name === 'id') continue
      const at = await stat(path).then(
        ({ mtimeMs }) => mtimeMs,
        () => undefined,
      )
      if (at !== undefined) yield { name, ageMs: now - at }
    }
  } catch (error) {
    throw spoolFailed(root, error)
  }
}

/** What time it is where the files get theirs: on a network volume not here. */
async function clockOf(root: string): Promise<number> {
  const path = join(root, `clock-${randomUUID()}`)
  await writeFile(path, '')
  const { mtimeMs } = await stat(path)
  await unlink(path)
  return mtimeMs
}

function spoolFull(root: string, cause?: unknown): SpoolUnavailableError {
  return new SpoolUnavailableError(`The disk of the spool ${root} is full.`, {
    code: 'SPOOL_FULL',
    hint: 'Make room there, or point MILLRACE_SPOOL to another disk.',
    cause,
  })
}

function notMounted(root: string): SpoolUnavailableError {
  return new SpoolUnavailableError(`The spool ${root} is not the one that this worker began with: its id is gone, or another.`, {
    code: 'SPOOL_FAILED',
    hint: 'Mount the volume again; where it is gone for good, restart the workers: what was in it is made again.',
  })
}

function spoolFailed(root: string, error: unknown): SpoolUnavailableError {
  if (error instanceof SpoolUnavailableError) return error
  if (codeOf(error) === 'ENOSPC' || codeOf(error) === 'EDQUOT') return spoolFull(root, error)
  return new SpoolUnavailableError(`The spool ${root} cannot be used: ${String(error)}`, {
    code: 'SPOOL_FAILED',
    hint: 'The folder must exist and be writable for the worker; MILLRACE_SPOOL names it.',
    cause: error,
  })
}
