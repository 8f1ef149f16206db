import { setTimeout as sleep } from 'node:timers/promises'
import { dueOfVersion, isLastOf } from '../catalog/leftovers.ts'
import type { Leftover } from '../catalog/leftovers.ts'
import type { WorkerContext } from './context.ts'
import { execute } from './execute.ts'
import { extract } from './extract.ts'
import { transform } from './transform.ts'

/** How often a worker that was retired looks for what is due, in ms. Only then is the catalogue asked this often. */
const lookMs = 100

/** What was given back is left alone so long: the row does not say for how long its queue would have. */
const restMs = 1000

export interface Leftovers {
  /** Resolves when nothing is left. */
  readonly done: Promise<void>
  /** Begins nothing more, and waits for what is in hand. */
  stop(): Promise<void>
}

/**
 * Does what runs under way still want of this worker's versions, once it takes nothing from its queues any more: there it could not choose, and would take work of
 * the new definitions. Of deliveries to both the row's claim makes one.
 * @param atOnce how many of a job
 */
export function startLeftovers(context: WorkerContext, atOnce: Readonly<Record<Leftover['job'], number>>): Leftovers {
  const stopping = new AbortController()
  const inHand = new Map<Promise<void>, Leftover['job']>()
  const rests = new Map<string, number>()
  const begin = (left: Leftover): void => {
    if ((rests.get(left.id) ?? 0) > performance.now()) return
    if ([...inHand.values()].filter((job) => job === left.job).length >= atOnce[left.job]) return
    // What failed is written down at its step.
    const working = work(context, left)
      .catch((error: unknown) => context.logger.debug({ err: error, job: left.job }, 'a delivery ended badly'))
      .finally(() => {
        rests.set(left.id, performance.now() + restMs)
        inHand.delete(working)
      })
    inHand.set(working, left.job)
  }
  const look = async (): Promise<boolean> => {
    let needed = false
    for (const { location, version } of context.locations.values()) {
      if (!(await isLastOf(context.pool, location.name, version, context.session.id))) continue
      needed = true
      for (const left of await dueOfVersion(context.pool, location.name, version)) begin(left)
    }
    return needed
  }
  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const needed = await look().catch((error: unknown) => {
        context.logger.debug({ err: error }, 'not known what is left; asked again')
        return true
      })
      if (!needed && context.session.busy === 0) return
      await sleep(lookMs, undefined, { signal: stopping.signal }).catch(() => undefined)
    }
  }
  const done = loop().then(async () => void (await Promise.all(inHand.keys())))
  return {
    done,
    async stop() {
      stopping.abort()
      await done
    },
  }
}

async function work(context: WorkerContext, { job, id, enqueued }: Leftover): Promise<void> {
  if (job === 'transform') return transform(context, { batchId: id, enqueued })
  return job === 'extract' ? extract(context, { stepId: id, enqueued }) : execute(context, { stepId: id, enqueued })
}
