import { createWriteStream } from 'node:fs'
import { mkdtemp, open, rm } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { SourceError } from '../errors.ts'
import { httpClient } from './http.ts'
import type { HttpClient, HttpStream } from './http.ts'
import { redactUrl } from './redact.ts'

/** One file: an address (http, https or file), or a path on this machine. */
export type OneFile = { readonly url: string | URL; readonly path?: never } | { readonly path: string; readonly url?: never }

/** How messages name it: without credentials. */
export function nameOfFile({ url, path }: OneFile): string {
  return url === undefined ? path : redactUrl(url)
}

/** Its path, where it is on this machine. */
export function localPathOf({ url, path }: OneFile): string | undefined {
  if (url === undefined) return path
  return URL.parse(String(url))?.protocol === 'file:' ? fileURLToPath(url) : undefined
}

/** Bytes that are read from any place, not only from the beginning. */
export interface RandomAccess {
  /** In bytes. */
  readonly size: number
  /** Changes when the bytes do. */
  readonly version: string
  /** The bytes from one offset up to another. */
  readonly read: (from: number, to: number) => Promise<readonly Uint8Array[]>
  readonly close: () => Promise<void>
}

export interface RandomAccessOptions {
  readonly signal?: AbortSignal
  readonly client?: HttpClient
  /** The largest file that is fetched whole, because its server knows no ranges. */
  readonly maxFileBytes: number
}

/** How much of a file's end is asked for at first: the footer of most files is in it. */
const tailBytes = 64 * 1024

/**
 * Opens a file, or an address by range requests (RFC 9110, 14). Where a server knows none, the whole is fetched once, into a temporary file.
 * @throws SourceError as the HTTP client does; `SOURCE_FILE_UNREADABLE`, `SOURCE_CHANGED`, `SOURCE_FILE_TOO_LARGE`
 */
export async function openRandomAccess(origin: OneFile, options: RandomAccessOptions): Promise<RandomAccess> {
  const local = localPathOf(origin)
  return local === undefined ? openAddress(origin, options) : openFile(local, () => Promise.resolve())
}

async function openFile(path: string, after: () => Promise<void>): Promise<RandomAccess> {
  let file: FileHandle | undefined
  try {
    file = await open(path)
    const { size, mtimeMs } = await file.stat()
    // Reading one fails, saying why.
    if (size > 0) await file.read(Buffer.alloc(1), 0, 1, 0)
    const opened = file
    return {
      size,
      version: `${String(size)} ${String(mtimeMs)}`,
      read: async (from, to) => [await readFully(opened, path, from, to)],
      async close() {
        await opened.close()
        await after()
      },
    }
  } catch (cause) {
    await file?.close()
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
    throw new SourceError(`${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, {
      code: 'SOURCE_FILE_UNREADABLE',
      retryable: !['ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES', 'EPERM'].includes(code),
      hint: 'Check the path, and that it is a file that this worker’s user may read.',
      cause,
    })
  }
}

async function readFully(file: FileHandle, path: string, from: number, to: number): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafe(to - from)
  for (let at = 0; at < buffer.length;) {
    const { bytesRead } = await file.read(buffer, at, buffer.length - at, from + at)
    if (bytesRead === 0) throw changed(path, `ends at byte ${String(from + at)}`)
    at += bytesRead
  }
  return buffer
}

async function openAddress(origin: OneFile, options: RandomAccessOptions): Promise<RandomAccess> {
  const { client = httpClient(), signal } = options
  const name = nameOfFile(origin)
  const ask = (range: string): Promise<HttpStream> =>
    // Compressed, the ranges would be those of other bytes.
    client.fetchStream({
      url: origin.url ?? '',
      headers: { range: `bytes=${range}`, 'accept-encoding': 'identity' },
      ...(signal === undefined ? {} : { signal }),
    })
  const first = await ask(`-${String(tailBytes)}`)
  const place = placeOf(first)
  if (place === undefined) return fetchWhole(first, name, options.maxFileBytes)
  const { size } = place
  const version = versionOf(first, size)
  const tail = Buffer.concat(await collect(first, place.to - place.from, name))
  return {
    size,
    version,
    async read(from, to) {
      if (from >= place.from && to <= place.to) return [tail.subarray(from - place.from, to - place.from)]
      const answer = await ask(`${String(from)}-${String(to - 1)}`)
      const part = placeOf(answer)
      if (part === undefined || part.from !== from || part.to !== to || versionOf(answer, part.size) !== version) {
        await answer.chunks.return()
        throw changed(name, part === undefined ? 'no longer answers ranges' : 'is not the one that reading began with')
      }
      return collect(answer, to - from, name)
    },
    close: () => Promise.resolve(),
  }
}

/** Which bytes an answer has: `Content-Range: bytes 0-99/1000`. Undefined where it has all of them. */
function placeOf({ status, headers }: HttpStream): { from: number; to: number; size: number } | undefined {
  const found = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers.get('content-range') ?? '')
  if (status !== 206 || found === null) return undefined
  return { from: Number(found[1]), to: Number(found[2]) + 1, size: Number(found[3]) }
}

function versionOf({ headers }: HttpStream, size: number): string {
  return `${String(size)} ${headers.get('etag') ?? headers.get('last-modified') ?? ''}`
}

async function collect({ chunks }: HttpStream, bytes: number, name: string): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const chunk of chunks) {
    length += chunk.length
    if (length > bytes) break
    parts.push(chunk)
  }
  if (length !== bytes) throw changed(name, `answered ${length > bytes ? 'more' : String(length)} than the ${String(bytes)} bytes that were asked for`)
  return parts
}

async function fetchWhole(answer: HttpStream, name: string, maxFileBytes: number): Promise<RandomAccess> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-'))
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true })
  const path = join(folder, 'file')
  try {
    await pipeline(limited(answer, name, maxFileBytes), createWriteStream(path))
    const opened = await openFile(path, remove)
    return { ...opened, version: versionOf(answer, opened.size) }
  } catch (error) {
    await remove()
    throw error
  }
}

async function* limited({ chunks }: HttpStream, name: string, most: number): AsyncGenerator<Uint8Array, void, undefined> {
  let length = 0
  for await (const chunk of chunks) {
    length += chunk.length
    if (length > most) {
      throw new SourceError(`${name} has more than ${String(most)} bytes, and its server answers no ranges`, {
        code: 'SOURCE_FILE_TOO_LARGE',
        retryable: false,
        hint: 'Serve it where ranges are answered, or raise maxFileBytes.',
      })
    }
    yield chunk
  }
}

function changed(name: string, how: string): SourceError {
  return new SourceError(`${name} changed while it was read: it ${how}`, {
    code: 'SOURCE_CHANGED',
    retryable: false,
    hint: 'Start a new run; have files written under another name and renamed when they are whole.',
  })
}
