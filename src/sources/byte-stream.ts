import { createReadStream } from 'node:fs'
import { ConfigError, SourceError } from '../errors.ts'
import { httpClient } from './http.ts'
import type { HttpClient } from './http.ts'
import { redactUrl } from './redact.ts'

/** Where bytes come from: an address (http, https or file), or a path on this machine. */
export type ByteOrigin = { readonly url: string | URL; readonly path?: never } | { readonly path: string; readonly url?: never }

/** How messages name it: without credentials. */
export function nameOfOrigin(origin: ByteOrigin): string {
  return origin.url === undefined ? origin.path : redactUrl(origin.url)
}

/**
 * The bytes, as they come.
 * @throws SourceError as the HTTP client does, and `SOURCE_FILE_UNREADABLE`; ConfigError `SOURCE_URL_INVALID`.
 */
export async function* byteStream(origin: ByteOrigin, signal?: AbortSignal, client: HttpClient = httpClient()): AsyncGenerator<Uint8Array, void, undefined> {
  const file = origin.url === undefined ? origin.path : fileOf(origin.url)
  if (file === undefined) {
    const answer = await client.fetchStream({ url: origin.url ?? '', ...(signal === undefined ? {} : { signal }) })
    yield* answer.chunks
    return
  }
  const stream = createReadStream(file, { highWaterMark: 256 * 1024, ...(signal === undefined ? {} : { signal }) })
  try {
    for await (const chunk of stream) yield chunk as Uint8Array
  } catch (cause) {
    if (signal?.aborted === true) throw signal.reason
    throw unreadable(String(file), cause)
  }
}

function fileOf(url: string | URL): URL | undefined {
  const parsed = URL.parse(String(url))
  if (parsed?.protocol === 'file:') return parsed
  if (parsed?.protocol === 'http:' || parsed?.protocol === 'https:') return undefined
  throw new ConfigError(`${JSON.stringify(redactUrl(url))} is no address that begins with http://, https:// or file://`, {
    code: 'SOURCE_URL_INVALID',
    hint: 'Give the whole address, like https://example.com/data.csv.',
  })
}

function unreadable(file: string, cause: unknown): SourceError {
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
