import type { ChangeListener } from '../../catalog/change-feed.ts'
import { readEventPage } from '../../catalog/read/events.ts'
import type { EventFilter, EventRead } from '../../catalog/read/events.ts'
import type { Queryable } from '../../catalog/read/row.ts'
import { readRun } from '../../catalog/read/runs.ts'

const pageEvents = 1000

export interface EventReader {
  /** The next of them, in their order and each once; empty when there are no more for now. */
  next(): Promise<readonly EventRead[]>
  /** Whether the last answer was all there was: not where somebody who is about to add some did not finish. */
  readonly complete: boolean
}

/** A run's events from the first on. */
export function createEventReader(db: Queryable, runId: string, filter: EventFilter = {}, patienceMs?: number): EventReader {
  let after = '0'
  let complete = false
  return {
    get complete() {
      return complete
    },
    async next() {
      const patience = patienceMs === undefined ? {} : { patienceMs }
      const page = await readEventPage(db, runId, { ...filter, ...patience, after, limit: pageEvents })
      after = page?.next ?? after
      complete = page?.complete ?? true
      return page?.events ?? []
    },
  }
}

export interface FollowOptions {
  readonly db: Queryable
  readonly runId: string
  readonly filter?: EventFilter
  /** Without, ends at the last event there is. */
  readonly listener?: ChangeListener
  /** Answers false when nobody reads any longer. */
  readonly print: (events: readonly EventRead[]) => Promise<boolean>
}

/** Prints a run's events; with a listener until the run has ended. */
export async function followEvents({ db, runId, filter, listener, print }: FollowOptions): Promise<void> {
  const reader = createEventReader(db, runId, filter)
  const changes = listener === undefined ? undefined : createSignal(listener, runId)
  try {
    for (;;) {
      const changed = changes?.next()
      // Read before the events: what a run that has ended wrote is all there.
      const over = changes === undefined || ((await readRun(db, runId))?.endedAt ?? null) !== null
      do {
        const events = await reader.next()
        if (events.length > 0 && !(await print(events))) return
      } while (!reader.complete)
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
