import { setImmediate as nextTurn } from 'node:timers/promises'

/** Other work gets its turn after this many milliseconds: a lock is renewed every few seconds, a person waits for tens of milliseconds. */
const sliceMs = 15

/** Waits for other work's turn when this one's is over. What it gives throws what the signal was aborted with. */
export function turnsOf(signal: AbortSignal): () => Promise<void> | undefined {
  let sliceEnd = performance.now() + sliceMs
  const give = async (): Promise<void> => {
    await nextTurn()
    signal.throwIfAborted()
    sliceEnd = performance.now() + sliceMs
  }
  return () => (performance.now() > sliceEnd ? give() : undefined)
}
