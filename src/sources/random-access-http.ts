import { SourceError } from '../errors.ts'
import type { FileOrigin } from './byte-origin.ts'
import { httpClient } from './http.ts'
import { openRanges, rangeOf, tailBytes } from './random-access-ranges.ts'
import type { RangeAnswer } from './random-access-ranges.ts'
import type { RandomAccess, RandomAccessOptions } from './random-access.ts'

/** A file of a web server, by range requests (RFC 9110, 14). @throws SourceError as the HTTP client does, and as `openRanges` does */
export async function openRandomHttp({ address, name }: FileOrigin, options: RandomAccessOptions): Promise<RandomAccess> {
  const { client = httpClient(), signal, maxFileBytes } = options
  const ask = async (range: string): Promise<RangeAnswer> => {
    const { status, headers, chunks } = await client.fetchStream({
      url: address,
      // Compressed, the ranges would be those of other bytes.
      headers: { range: `bytes=${range}`, 'accept-encoding': 'identity' },
      ...(signal === undefined ? {} : { signal }),
    })
    const place = status === 206 ? rangeOf(headers.get('content-range')) : undefined
    return { range: place, version: `${String(place?.size ?? '')} ${headers.get('etag') ?? headers.get('last-modified') ?? ''}`, chunks }
  }
  const first = await ask(`-${String(tailBytes)}`).catch((error: unknown) => {
    // Of an empty file there is no range.
    if (error instanceof SourceError && error.code === 'SOURCE_RANGE') return undefined
    throw error
  })
  return first === undefined ? emptyFile : openRanges(first, { name, maxFileBytes, ask, close: () => undefined })
}

const emptyFile: RandomAccess = { size: 0, version: '0', read: () => Promise.resolve([]), close: () => Promise.resolve() }
