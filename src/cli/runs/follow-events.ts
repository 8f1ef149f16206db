import type { ChangeListener } from '../../catalog/change-feed.ts'
import { readEvents } from '../../catalog/read/events.ts'
import type { EventRead } from '../../catalog/read/events.ts'
import type { Queryable } from '../../catalog/read/row.ts'
import { readRun } from '../../catalog/read/runs.ts'

const pageEvents = 1000
/** Events are numbered before they are committed, so one may appear below a number that was seen; that many are looked at again. */
const overlap = 200

/** A run's events from the first on, each once, until there are no more for now. */
export function createEventReader(db: Queryable, runId: string): { next(): Promise<EventRead[]> } {
  let seen: string[] = []
  let before = '0'
  return {
    async next() {
      const page = await readEvents(db, runId, before, pageEvents)
      const known = new Set(seen)
      const fresh = page.filter((event) => !known.has(event.id))
      seen = [...seen, ...fresh.map((event) => event.id)].toSorted((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1))
      before = seen.at(-overlap - 1) ?? before
      seen = seen.slice(-overlap)
      return fresh
    },
  }
}

export interface FollowOptions {
  readonly db: Queryable
  readonly runId: string
  /** Without, ends at the last event there is. */
  readonly listener?: ChangeListener
  /** Answers false when nobody reads any longer. */
  readonly print: (events: readonly EventRead[]) => Promise<boolean>
}

/** Prints a run's events; with a listener until the run has ended. */
export async function followEvents({ db, runId, listener, print }: FollowOptions): Promise<void> {
  const reader = createEventReader(db, runId)
  const changes = listener === undefined ? undefined : createSignal(listener, runId)
  try {
    for (;;) {
      const changed = changes?.next()
      // Read before the events: what a run that has ended wrote is all there.
      const over = changes === undefined || ((await readRun(db, runId))?.endedAt ?? null) !== null
      for (let events = await reader.next(); events.length > 0; events = await reader.next()) if (!(await print(events))) return
      if (over) return
      await changed
    }
  } finally {
    changes?.close()
  }
}

/** Promises that resolve with the next change, or after 2 s: a notification may be lost. */
function createSignal(listener: ChangeListener, runId: string): { next(): Promise<void>; close(): void } {
  let wake = (): void => undefined
  const unsubscribe = listener.subscribe(() => wake(), runId)
  const timer = setInterval(() => wake(), 2000)
  return {
    next: () =>
      new Promise((resolve) => {
        wake = resolve
      }),
    close() {
      clearInterval(timer)
      unsubscribe()
    },
  }
}
