import { open } from 'node:fs/promises'
import { SourceError } from '../errors.ts'
import type { FileOrigin } from './byte-origin.ts'
import type { OpenFile, OpenOptions } from './opened-file.ts'

const chunkBytes = 256 * 1024

/** A file of this machine. @throws SourceError `SOURCE_FILE_UNREADABLE` */
export async function openLocal({ address, name }: FileOrigin, { from, signal }: OpenOptions): Promise<OpenFile> {
  signal?.throwIfAborted()
  const handle = await open(address).catch((cause: unknown) => {
    throw unreadable(name, cause)
  })
  try {
    const { size, mtimeMs } = await handle.stat()
    const stream = handle.createReadStream({ start: from, highWaterMark: chunkBytes, ...(signal === undefined ? {} : { signal }) })
    return { version: `${String(size)} ${String(mtimeMs)}`, from, seekable: true, chunks: chunksOf(stream, name, signal) }
  } catch (cause) {
    await handle.close()
    throw unreadable(name, cause)
  }
}

async function* chunksOf(stream: AsyncIterable<unknown>, name: string, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of stream) yield chunk as Uint8Array
  } catch (cause) {
    if (signal?.aborted === true) throw signal.reason
    throw unreadable(name, cause)
  }
}

/** What keeps a file of this machine from being read. */
export function unreadable(file: string, cause: unknown): SourceError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const passing = !['ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES', 'EPERM'].includes(code)
  const hint =
    code === 'ENOENT' ? 'Check the path; nothing is there on the machine of this worker.' : 'Check that it is a file that this worker’s user may read.'
  return new SourceError(`${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, {
    code: 'SOURCE_FILE_UNREADABLE',
    retryable: passing,
    hint,
    cause,
  })
}
