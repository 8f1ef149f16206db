import type pg from 'pg'
import { findSpoolOrphans, takeSweepTurn } from '../catalog/spool-orphans.ts'
import type { SpoolFile } from '../catalog/spool-orphans.ts'
import type { Logger } from '../logger.ts'
import type { Spool, SpoolEntry } from '../spool/spool.ts'

interface SweepSpoolDeps {
  readonly pool: pg.Pool
  readonly spool: Spool
  readonly logger: Logger
}

/** A week: a step that the catalogue does not know may be one that it forgot when it was restored. */
const unknownAfterMs = 7 * 24 * 3600 * 1000
/** Files that the catalogue is asked about at once. */
const page = 500

/** `<step>/<generation>/[<batch>-]<claim>-<uuid>.raw|copy`, and what follows where it was never completed. */
const fileName = /^(([0-9a-f-]{36})\/(\d+)\/(?:(?:(\d+)-)?(\d+)-)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.(?:raw|copy))(?:\.writing.*)?$/

/** What a name says; undefined where it is none of ours: a bucket may hold other things. */
function fileOf({ name: entry, ageMs }: SpoolEntry): SpoolFile | undefined {
  const [, name, step, generation, batch, claim] = fileName.exec(entry) ?? []
  if (name === undefined || step === undefined) return undefined
  return { entry, name, step, generation: Number(generation), claim: claim === undefined ? null : Number(claim), batch: batch ?? null, ageMs }
}

/** Removes what crashes and lost claims left in the spool; returns how much. Nothing goes that a live step refers to or may come to refer to. */
export async function sweepSpool({ pool, spool, logger }: SweepSpoolDeps): Promise<number> {
  let removed = 0
  let files: SpoolFile[] = []
  const settle = async (): Promise<void> => {
    const orphans = files.length === 0 ? [] : await findSpoolOrphans(pool, files, unknownAfterMs)
    // By their names and not by their folders: what a step writes meanwhile stays.
    for (const name of orphans) await spool.remove(name)
    removed += orphans.length
    files = []
  }
  for await (const entry of spool.list()) {
    const file = fileOf(entry)
    if (file === undefined) continue
    files.push(file)
    if (files.length === page) await settle()
  }
  await settle()
  if (removed > 0) logger.info({ removed }, 'removed what was left behind in the spool')
  return removed
}

/** How soon after a worker's start it looks whether it is its turn, in ms. */
const firstMs = 10_000

/** Sweeps the spool every so often, one worker for all. */
export function startSpoolSweeper(deps: SweepSpoolDeps, everyMs: number): { stop(): Promise<void> } {
  let running: Promise<unknown> = Promise.resolve()
  let stopped = false
  const round = async (): Promise<void> => {
    try {
      if (await takeSweepTurn(deps.pool, everyMs)) await sweepSpool(deps)
    } catch (error) {
      deps.logger.debug({ err: error }, 'the spool was not swept; the next turn does')
    }
    if (!stopped) timer = setTimeout(begin, everyMs)
  }
  const begin = (): void => {
    running = round()
  }
  let timer = setTimeout(begin, Math.min(firstMs, everyMs))
  return {
    async stop() {
      stopped = true
      clearTimeout(timer)
      await running
      clearTimeout(timer)
    },
  }
}
