import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import type { FileOrigin } from './byte-origin.ts'
import { unreadable } from './open-local.ts'
import { changedFile } from './opened-file.ts'
import type { RandomAccess } from './random-access.ts'

/** A file of this machine. @throws SourceError `SOURCE_FILE_UNREADABLE` */
export async function openRandomLocal({ address, name }: Pick<FileOrigin, 'address' | 'name'>): Promise<RandomAccess> {
  let file: FileHandle | undefined
  try {
    file = await open(address)
    const { size, mtimeMs } = await file.stat()
    // Reading a folder fails, saying why.
    if (size > 0) await file.read(Buffer.alloc(1), 0, 1, 0)
    const opened = file
    return {
      size,
      version: `${String(size)} ${String(mtimeMs)}`,
      read: async (from, to) => [await readFully(opened, name, from, to)],
      close: () => opened.close(),
    }
  } catch (cause) {
    await file?.close()
    throw unreadable(name, cause)
  }
}

async function readFully(file: FileHandle, name: string, from: number, to: number): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafe(to - from)
  for (let at = 0; at < buffer.length;) {
    const { bytesRead } = await file.read(buffer, at, buffer.length - at, from + at)
    if (bytesRead === 0) throw changedFile(name, `it ends at byte ${String(from + at)}`)
    at += bytesRead
  }
  return buffer
}
