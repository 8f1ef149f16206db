import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { SourceError } from '../errors.ts'
import { changedFile } from './opened-file.ts'
import { openRandomLocal } from './random-access-local.ts'
import type { RandomAccess } from './random-access.ts'

/** How much of a file's end is asked for at first: the footer of most files is in it. */
export const tailBytes = 64 * 1024

/** What a server answers to a request for some of a file's bytes. */
export interface RangeAnswer {
  /** Undefined where it has all of them: the server knows no ranges. */
  readonly range: ByteRange | undefined
  /** Changes when the file does. */
  readonly version: string
  readonly chunks: AsyncGenerator<Uint8Array, void, undefined>
}

interface ByteRange {
  readonly from: number
  readonly to: number
  /** Of the whole file. */
  readonly size: number
}

export interface RangedFile {
  readonly name: string
  readonly maxFileBytes: number
  /** Asks for a range, as RFC 9110 (14.1.2) writes it: `0-99`. */
  readonly ask: (range: string) => Promise<RangeAnswer>
  readonly close: () => unknown
}

/** Which bytes an answer has: `Content-Range: bytes 0-99/1000`. */
export function rangeOf(header: string | null | undefined): ByteRange | undefined {
  const [, from, to, size] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(header ?? '') ?? []
  return size === undefined ? undefined : { from: Number(from), to: Number(to) + 1, size: Number(size) }
}

/**
 * A file that is read by ranges, of which the end was answered already. Where its server knows none, that answer is the whole: it goes into a temporary file.
 * @throws SourceError `SOURCE_CHANGED`, `SOURCE_FILE_TOO_LARGE`; what `ask` throws
 */
export async function openRanges(first: RangeAnswer, { name, maxFileBytes, ask, close }: RangedFile): Promise<RandomAccess> {
  const { range: end, version } = first
  if (end === undefined) return fetchWhole(first, { name, maxFileBytes, close })
  const tail = Buffer.concat(await collect(first, end.to - end.from, name))
  return {
    size: end.size,
    version,
    async read(from, to) {
      if (from >= end.from && to <= end.to) return [tail.subarray(from - end.from, to - end.from)]
      const answer = await ask(`${String(from)}-${String(to - 1)}`)
      const { range } = answer
      if (range?.from !== from || range.to !== to || answer.version !== version) {
        await answer.chunks.return()
        throw changedFile(name, range === undefined ? 'its server no longer answers ranges' : 'it is not the one that reading began with')
      }
      return collect(answer, to - from, name)
    },
    async close() {
      await close()
    },
  }
}

async function collect({ chunks }: RangeAnswer, bytes: number, name: string): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const chunk of chunks) {
    length += chunk.length
    if (length > bytes) break
    parts.push(chunk)
  }
  if (length !== bytes) throw changedFile(name, `it answered ${length > bytes ? 'more' : String(length)} than the ${String(bytes)} bytes that were asked for`)
  return parts
}

async function fetchWhole(answer: RangeAnswer, { name, maxFileBytes, close }: Omit<RangedFile, 'ask'>): Promise<RandomAccess> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-'))
  const remove = async (): Promise<void> => {
    await rm(folder, { recursive: true, force: true })
    await close()
  }
  const address = join(folder, 'file')
  try {
    await pipeline(limited(answer, name, maxFileBytes), createWriteStream(address))
    const opened = await openRandomLocal({ address, name })
    return {
      ...opened,
      version: `${String(opened.size)} ${answer.version}`,
      async close() {
        await opened.close()
        await remove()
      },
    }
  } catch (error) {
    await remove()
    throw error
  }
}

async function* limited({ chunks }: RangeAnswer, name: string, most: number): AsyncGenerator<Uint8Array, void, undefined> {
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
