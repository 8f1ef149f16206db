import type { SFTPWrapper } from 'ssh2'
import type { FileOrigin } from './byte-origin.ts'
import { silent, silenceMs } from './idle-stream.ts'
import { changedFile } from './opened-file.ts'
import type { RandomAccess, RandomAccessOptions } from './random-access.ts'
import { explainSftp, pathOf, signIn } from './sftp-session.ts'
import type { SftpSession } from './sftp-session.ts'

/** What every server answers at once (draft-ietf-secsh-filexfer-02, 3). */
const pieceBytes = 32 * 1024
/** 1 MiB under way: one after the other, each piece would wait for the whole way there and back. */
const piecesAtOnce = 32

/** A file of an SFTP server. @throws SourceError `SOURCE_SFTP` and the like, `SOURCE_TIMEOUT`; ConfigError `SFTP_PACKAGE_MISSING`, `SFTP_HOST_KEY` */
export async function openRandomSftp({ address, name }: FileOrigin, { signal, sftp }: RandomAccessOptions): Promise<RandomAccess> {
  const session = await signIn(address, name, { signal, sftp })
  const { files } = session
  const path = pathOf(address)
  const answered = patience(session, name, signal)
  try {
    const handle = await answered(() => new Promise<Buffer>((resolve, reject) => files.open(path, 'r', settle(resolve, reject))))
    const { size, mtime } = await answered(
      () => new Promise<{ readonly size: number; readonly mtime: number }>((resolve, reject) => files.fstat(handle, settle(resolve, reject))),
    )
    return {
      size,
      version: `${String(size)} ${String(mtime)}`,
      read: async (from, to) => [await answered((heard) => readFully(files, handle, { from, to, name, heard }))],
      close: async () => session.close(),
    }
  } catch (error) {
    session.close()
    throw error
  }
}

type Settle<T> = (error: Error | undefined, value: T) => void

function settle<T>(resolve: (value: T) => void, reject: (error: Error) => void): Settle<T> {
  return (error, value) => (error === undefined ? resolve(value) : reject(error))
}

/** Waits for a session's answers for as long as it says anything. */
function patience(session: SftpSession, name: string, signal: AbortSignal | undefined) {
  const waiting = new Set<(reason: unknown) => void>()
  let lost: { readonly cause: unknown } | undefined
  session.lost.catch((cause: unknown) => {
    lost = { cause }
    for (const giveUp of waiting) giveUp(cause)
  })
  return async <T>(work: (heard: () => void) => Promise<T>): Promise<T> => {
    const end = Promise.withResolvers<never>()
    const timer = setTimeout(() => end.reject(silent(name)), silenceMs)
    waiting.add(end.reject)
    try {
      if (lost !== undefined) throw lost.cause
      return await Promise.race([work(() => void timer.refresh()), end.promise])
    } catch (cause) {
      throw signal?.aborted === true ? signal.reason : explainSftp(cause, name)
    } finally {
      waiting.delete(end.reject)
      clearTimeout(timer)
    }
  }
}

interface Piece {
  readonly from: number
  readonly to: number
  readonly name: string
  /** Called at each answer. */
  readonly heard: () => void
}

async function readFully(files: SFTPWrapper, handle: Buffer, { from, to, name, heard }: Piece): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(to - from)
  let next = 0
  const readPieces = async (): Promise<void> => {
    while (next < bytes.length) {
      let at = next
      const end = Math.min(at + pieceBytes, bytes.length)
      next = end
      // A server may answer less than it was asked for.
      while (at < end) {
        const count = await readSome(files, handle, bytes, at, end - at, from + at)
        heard()
        if (count === 0) throw changedFile(name, `it ends at byte ${String(from + at)}`)
        at += count
      }
    }
  }
  await Promise.all(Array.from({ length: piecesAtOnce }, readPieces))
  return bytes
}

function readSome(files: SFTPWrapper, handle: Buffer, bytes: Buffer, at: number, length: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => files.read(handle, bytes, at, length, position, settle(resolve, reject)))
}
