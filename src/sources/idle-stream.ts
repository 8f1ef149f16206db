import type { Readable } from 'node:stream'
import { SourceError } from '../errors.ts'

/** Milliseconds of silence after which a stream is given up, as the HTTP client does. */
export const silenceMs = 30_000

export interface IdleStreamOptions {
  readonly name: string
  readonly signal: AbortSignal | undefined
  /** What an error of the stream means. */
  readonly explain: (cause: unknown) => unknown
  /** Called when nobody reads it any more, whatever the reason. */
  readonly close: () => unknown
}

/** A stream's chunks; silence and the signal end it. The clock runs only while we wait, not while our own consumer takes its time. */
export async function* idleStream(stream: Readable, { name, signal, explain, close }: IdleStreamOptions): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks: AsyncIterator<Uint8Array, void> = stream[Symbol.asyncIterator]()
  let ending: unknown
  const end = (reason: unknown): void => {
    ending = reason
    stream.destroy(new Error('ended'))
  }
  const abort = (): void => end(signal?.reason)
  signal?.addEventListener('abort', abort, { once: true })
  // What it says once nobody reads it any more, as that its end was not confirmed, is no news.
  stream.on('error', () => undefined)
  try {
    for (;;) {
      signal?.throwIfAborted()
      const timer = setTimeout(() => end(silent(name)), silenceMs)
      const next = await chunks.next().finally(() => clearTimeout(timer))
      if (next.done === true) return
      yield next.value
    }
  } catch (cause) {
    throw signal?.aborted === true ? signal.reason : (ending ?? explain(cause))
  } finally {
    signal?.removeEventListener('abort', abort)
    stream.destroy()
    await close()
  }
}

/** What has said nothing for `silenceMs`. */
export function silent(name: string): SourceError {
  return new SourceError(`${name} went silent for ${String(silenceMs / 1000)} s`, {
    code: 'SOURCE_TIMEOUT',
    hint: 'See whether the server is up and reachable from this machine.',
  })
}
