import { randomUUID } from 'node:crypto'
import { link, mkdir, open, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { crc32 } from 'node:zlib'
import { MillraceError } from '../errors.ts'
import type { Spool, SpoolReference } from './spool.ts'
import { SpoolLostError } from './spool-lost-error.ts'

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '')

/** A spool of files below one folder: of one machine, or of a volume that all workers mount. */
export function createFileSpool(root: string): Spool {
  return {
    async id() {
      const path = join(root, 'id')
      await mkdir(root, { recursive: true })
      const mine = join(root, `id-${randomUUID()}`)
      await writeFile(mine, randomUUID())
      // The first to link wins, and no reader ever sees a half-written id.
      await link(mine, path).catch((error: unknown) => {
        if (codeOf(error) !== 'EEXIST') throw spoolFailed(root, error)
      })
      await unlink(mine)
      return (await readFile(path, 'utf8')).trim()
    },
    async write(name, chunks, { durable }) {
      const path = join(root, name)
      try {
        return await writeWhole(path, name, chunks, durable)
      } catch (error) {
        throw spoolFailed(root, error)
      }
    },
    async read(reference, into) {
      const bytes = await readWhole(join(root, reference.name), reference, into).catch((error: unknown) => {
        if (error instanceof SpoolLostError) throw error
        throw codeOf(error) === 'ENOENT' ? new SpoolLostError(reference.name, 'is gone', error) : spoolFailed(root, error)
      })
      if (crc32(bytes) !== reference.crc) throw new SpoolLostError(reference.name, 'is damaged: its checksum is another')
      return bytes
    },
    async remove(prefix) {
      await rm(join(root, prefix), { recursive: true, force: true })
    },
  }
}

async function writeWhole(path: string, name: string, chunks: readonly Uint8Array[], durable: boolean): Promise<SpoolReference> {
  const folder = dirname(path)
  await mkdir(folder, { recursive: true })
  const temporary = `${path}.writing`
  const file = await open(temporary, 'w')
  let bytes = 0
  let crc = 0
  try {
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

async function readWhole(path: string, { name, bytes }: SpoolReference, into: Buffer | undefined): Promise<Buffer> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    if (size !== bytes) throw new SpoolLostError(name, `has ${String(size)} bytes instead of ${String(bytes)}`)
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

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function spoolFailed(root: string, error: unknown): MillraceError {
  if (codeOf(error) === 'ENOSPC') {
    return new MillraceError(`The disk of the spool ${root} is full.`, {
      code: 'SPOOL_FULL',
      retryable: true,
      hint: 'Make room there, or point MILLRACE_SPOOL to another disk.',
      cause: error,
    })
  }
  return new MillraceError(`The spool ${root} cannot be used: ${String(error)}`, {
    code: 'SPOOL_FAILED',
    retryable: true,
    hint: 'The folder must exist and be writable for the worker; MILLRACE_SPOOL names it.',
    cause: error,
  })
}
