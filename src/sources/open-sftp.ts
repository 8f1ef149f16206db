import type { FileOrigin } from './byte-origin.ts'
import { idleStream } from './idle-stream.ts'
import type { Connections, OpenFile, OpenOptions } from './opened-file.ts'
import { redactUrl } from './redact.ts'
import { explainSftp, pathOf, signIn } from './sftp-session.ts'

const chunkBytes = 256 * 1024

/** A file of an SFTP server. @throws SourceError `SOURCE_SFTP` and the like; ConfigError `SFTP_PACKAGE_MISSING`, `SFTP_HOST_KEY` */
export async function openSftp({ address, name }: FileOrigin, { from, signal, sftp }: OpenOptions): Promise<OpenFile> {
  const session = await signIn(address, name, { signal, sftp })
  const path = pathOf(address)
  try {
    const { size, mtime } = await new Promise<{ readonly size: number; readonly mtime: number }>((resolve, reject) =>
      session.files.stat(path, (error, stats) => (error === undefined ? resolve(stats) : reject(error))),
    )
    const stream = session.files.createReadStream(path, { start: from, highWaterMark: chunkBytes })
    // A connection that ends is not told to the streams on it.
    session.lost.catch((error: unknown) => stream.destroy(error instanceof Error ? error : new Error(String(error))))
    return {
      version: `${String(size)} ${String(mtime)}`,
      from,
      seekable: true,
      chunks: idleStream(stream, { name, signal, explain: (cause) => explainSftp(cause, name), close: session.close }),
    }
  } catch (cause) {
    session.close()
    throw signal?.aborted === true ? signal.reason : explainSftp(cause, name)
  }
}

/** The addresses of the files of the folder that an address names up to its last slash. @throws as `openSftp` does */
export async function listSftp(address: string, { signal, sftp }: Connections): Promise<string[]> {
  const name = redactUrl(address)
  const folder = address.slice(0, address.lastIndexOf('/') + 1)
  const session = await signIn(address, name, { signal, sftp })
  try {
    const entries = await new Promise<readonly { readonly filename: string; readonly attrs: { isDirectory: () => boolean } }[]>((resolve, reject) =>
      session.files.readdir(pathOf(folder), (error, list) => (error === undefined ? resolve(list) : reject(error))),
    )
    return entries.filter((entry) => !entry.attrs.isDirectory()).map((entry) => folder + entry.filename.replaceAll('%', '%25'))
  } catch (cause) {
    throw signal?.aborted === true ? signal.reason : explainSftp(cause, name)
  } finally {
    session.close()
  }
}
