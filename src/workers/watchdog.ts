import { Worker } from 'node:worker_threads'
import { watch } from './watchdog-thread.ts'

/** Ends this process when something in it no longer gives the event loop back: its work then goes on elsewhere, and it starts anew. */
export interface Watchdog {
  /** Names what is being worked on, for the last words; call what it answers when that is over. */
  enter(what: string): () => void
  stop(): Promise<void>
}

/** What both threads see: a counter that the event loop raises, and the names of the work in hand. */
export interface Watched {
  /** One Int32: beats. */
  readonly beats: SharedArrayBuffer
  /** An Int32 length, then so many bytes of UTF-8. */
  readonly names: SharedArrayBuffer
  readonly stuckMs: number
}

const namesBytes = 1024

/** Watches this process's event loop from a thread of its own; `stuckMs` without a turn, and the process is killed. */
export function startWatchdog(stuckMs: number, onError: (error: unknown) => void): Watchdog {
  const watched: Watched = { beats: new SharedArrayBuffer(4), names: new SharedArrayBuffer(4 + namesBytes), stuckMs }
  const beats = new Int32Array(watched.beats)
  const length = new Int32Array(watched.names, 0, 1)
  const bytes = new Uint8Array(watched.names, 4)
  const inHand = new Set<{ readonly what: string }>()
  const publish = (): void => {
    const text = [...new Set([...inHand].map((one) => one.what))].join(', ')
    // Through a copy: the encoder does not write into shared memory.
    const encoded = new TextEncoder().encode(text).subarray(0, namesBytes)
    bytes.set(encoded)
    Atomics.store(length, 0, encoded.length)
  }
  // As text: a thread that loads a TypeScript file holds 17 MiB for reading TypeScript.
  const thread = new Worker(`(${watch.toString()})()`, { eval: true, workerData: watched, name: 'watchdog' })
  thread.on('error', onError)
  thread.unref()
  const timer = setInterval(() => Atomics.add(beats, 0, 1), Math.min(1000, stuckMs / 4))
  timer.unref()
  return {
    enter(what) {
      const entry = { what }
      inHand.add(entry)
      publish()
      return () => {
        inHand.delete(entry)
        publish()
      }
    },
    async stop() {
      clearInterval(timer)
      await thread.terminate()
    },
  }
}
