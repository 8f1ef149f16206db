import { SourceError } from '../errors.ts'
import type { S3Settings } from '../s3-client.ts'
import type { HttpClient } from './http.ts'
import type { SftpSettings } from './sftp-settings.ts'

/** How files that are elsewhere are reached. */
export interface Connections {
  readonly signal?: AbortSignal | undefined
  /** The HTTP client to fetch files with, if it needs headers or other limits. */
  readonly client?: HttpClient | undefined
  /** Of `s3://` addresses. What is left out comes from the standard variables `AWS_*`. */
  readonly s3?: S3Settings | undefined
  /** Of `sftp://` addresses. */
  readonly sftp?: SftpSettings | undefined
}

export interface OpenOptions extends Connections {
  /** The first byte that is wanted; what is opened may begin before it. */
  readonly from: number
}

/** A file that is being read. Its chunks must be read to the end or returned early, else it stays open. */
export interface OpenFile {
  /** Changes when the file does; undefined where its keeper does not say. */
  readonly version: string | undefined
  /** The offset of the first byte that comes. */
  readonly from: number
  /** Whether the offsets of what comes are those of the file: not where it is compressed on its way. */
  readonly seekable: boolean
  readonly chunks: AsyncGenerator<Uint8Array, void, undefined>
}

/** Closes a file of which nothing was read: a generator that never ran has nothing to return from. */
export async function closeUnread({ chunks }: OpenFile): Promise<void> {
  await chunks.next().catch(() => undefined)
  await chunks.return()
}

/**
 * A file that is not the one that was begun to be read, by an earlier attempt or by this one: going on in it would mix the two.
 * @param how one sees it
 */
export function changedFile(name: string, how?: string): SourceError {
  return new SourceError(`${name} has changed since extraction began${how === undefined ? '' : `: ${how}`}`, {
    code: 'SOURCE_CHANGED',
    hint: 'It is read afresh from its beginning. Write new data under new names, and a file under its name only once it is whole.',
  })
}
