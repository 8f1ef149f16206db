import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** By then what starting took lies about, in ms. */
const afterMs = 5000

/**
 * Collects the garbage of a process of `millrace dev` once, a while after its start: the heap may grow to 64 MiB before it is collected of its own accord, so at rest
 * each would keep the 20 MiB that loading its modules left.
 */
export function tidyMemory(): void {
  setTimeout(() => {
    setFlagsFromString('--expose-gc')
    const collect: unknown = runInNewContext('gc')
    // The flags are part of what compiled code is kept under.
    setFlagsFromString('--no-expose-gc')
    if (typeof collect === 'function') collect()
  }, afterMs).unref()
}
