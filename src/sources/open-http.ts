import { SourceError } from '../errors.ts'
import type { FileOrigin } from './byte-origin.ts'
import { httpClient } from './http.ts'
import { changedFile } from './opened-file.ts'
import type { OpenFile, OpenOptions } from './opened-file.ts'

/** A file of a web server. Where it is wanted from its middle and the server knows no ranges, it comes from its beginning. */
export async function openHttp({ address, name }: FileOrigin, { from, signal, client = httpClient() }: OpenOptions): Promise<OpenFile> {
  const answer = await client
    .fetchStream({
      url: address,
      // One byte too many: a range that begins at the file's end cannot be satisfied.
      ...(from > 0 ? { headers: { range: `bytes=${String(from - 1)}-`, 'accept-encoding': 'identity' } } : {}),
      ...(signal === undefined ? {} : { signal }),
    })
    .catch((error: unknown) => {
      throw error instanceof SourceError && error.code === 'SOURCE_RANGE' ? changedFile(name) : error
    })
  const range = answer.status === 206 ? /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(answer.headers.get('content-range') ?? '') : null
  const encoded = answer.headers.has('content-encoding')
  const size = range?.[2] ?? (encoded ? null : answer.headers.get('content-length'))
  return {
    version: versionOf(answer.headers, size),
    from: Number(range?.[1] ?? 0),
    seekable: !encoded,
    chunks: answer.chunks,
  }
}

function versionOf(headers: Headers, size: string | null): string | undefined {
  const modified = headers.get('last-modified')
  return headers.get('etag') ?? (modified === null ? undefined : `${modified} ${size ?? ''}`)
}
