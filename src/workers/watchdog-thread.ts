import type { Watched } from './watchdog.ts'

/** What the watching thread does. Its text is handed to the thread, so it knows of nothing outside itself. */
export function watch(): void {
  const { workerData } = process.getBuiltinModule('node:worker_threads')
  const { writeSync } = process.getBuiltinModule('node:fs')
  const { beats, names, stuckMs } = workerData as Watched
  const counter = new Int32Array(beats)
  const slices = 16
  let silent = 0

  // Slices are counted and no clock is read: a process that was frozen as a whole has not been stuck.
  for (;;) {
    const before = Atomics.load(counter, 0)
    Atomics.wait(counter, 0, before, stuckMs / slices)
    silent = Atomics.load(counter, 0) === before ? silent + 1 : 0
    if (silent >= slices) {
      const length = Atomics.load(new Int32Array(names, 0, 1), 0)
      const inHand = new TextDecoder().decode(new Uint8Array(names, 4, length).slice())
      const what = inHand === '' ? 'its code locations being loaded' : inHand
      const msg = `Nothing else got a turn for ${String(stuckMs / 1000)} s: a function does not return and never waits. This worker ends, so that its other work goes on elsewhere. In hand: ${what}. Look for a loop without an end there, or split long work with an await.`
      writeSync(2, `${JSON.stringify({ level: 60, time: new Date().toISOString(), msg })}\n`)
      process.kill(process.pid, 'SIGKILL')
    }
  }
}
