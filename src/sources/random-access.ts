import type { FileOrigin } from './byte-origin.ts'
import type { Connections } from './opened-file.ts'
import { openRandomHttp } from './random-access-http.ts'
import { openRandomLocal } from './random-access-local.ts'
import { openRandomS3 } from './random-access-s3.ts'
import { openRandomSftp } from './random-access-sftp.ts'

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

export interface RandomAccessOptions extends Connections {
  /** The largest file that is fetched whole, because its server knows no ranges. */
  readonly maxFileBytes: number
}

const openers: Readonly<Record<FileOrigin['kind'], (file: FileOrigin, options: RandomAccessOptions) => Promise<RandomAccess>>> = {
  local: openRandomLocal,
  http: openRandomHttp,
  s3: openRandomS3,
  sftp: openRandomSftp,
}

/**
 * Opens a file to be read from any place; it must be closed.
 * @throws SourceError as its keeper does; `SOURCE_CHANGED` also while it is read
 */
export async function openRandomAccess(file: FileOrigin, options: RandomAccessOptions): Promise<RandomAccess> {
  options.signal?.throwIfAborted()
  return openers[file.kind](file, options)
}
