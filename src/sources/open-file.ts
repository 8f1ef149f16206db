import type { FileOrigin } from './byte-origin.ts'
import { openHttp } from './open-http.ts'
import { openLocal } from './open-local.ts'
import type { OpenFile, OpenOptions } from './opened-file.ts'

/** @throws SourceError as its keeper does */
export async function openFile(file: FileOrigin, options: OpenOptions): Promise<OpenFile> {
  return file.url.protocol === 'file:' ? openLocal(file, options) : openHttp(file, options)
}
