import { createLastEntries } from './last-entries.ts'

export interface BoundedLogOptions<Entry> {
  /** How many entries pass at once. */
  readonly head: number
  /** How many of the last ones are kept for the end. */
  readonly tail: number
  readonly write: (entry: Entry) => void
  /** Called once, when the head is full and another comes. */
  readonly onFull: () => void
  /** Called at the end, before the last entries, with how many are missing between. */
  readonly onGap: (left: number) => void
}

export interface BoundedLog<Entry> {
  readonly add: (entry: Entry) => void
  readonly end: () => void
}

/** Lets the first entries pass as they come and the last ones at the end: what a process says at length costs neither memory nor a full event log. */
export function createBoundedLog<Entry>({ head, tail, write, onFull, onGap }: BoundedLogOptions<Entry>): BoundedLog<Entry> {
  const last = createLastEntries<Entry>(tail)
  let count = 0
  return {
    add(entry) {
      count += 1
      if (count <= head) return write(entry)
      if (count === head + 1) onFull()
      return last.add(entry)
    },
    end() {
      if (last.lost() > 0) onGap(last.lost())
      for (const entry of last.entries()) write(entry)
    },
  }
}
