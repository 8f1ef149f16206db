import type { FileOrigin } from './byte-origin.ts'
import { openHttp } from './open-http.ts'
import { openLocal } from './open-local.ts'
import { openS3 } from './open-s3.ts'
import { openSftp } from './open-sftp.ts'
import type { OpenFile, OpenOptions } from './opened-file.ts'

const openers: Readonly<Record<FileOrigin['kind'], (file: FileOrigin, options: OpenOptions) => Promise<OpenFile>>> = {
  local: openLocal,
  http: openHttp,
  s3: openS3,
  sftp: openSftp,
}

/** @throws SourceError as its keeper does */
export async function openFile(file: FileOrigin, options: OpenOptions): Promise<OpenFile> {
  return openers[file.kind](file, options)
}
