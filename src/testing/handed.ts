import type { MaterializationFacts, RunFacts } from '../definitions/run-facts.ts'
import type { Sensor } from '../definitions/sensor.ts'
import { MillraceError } from '../errors.ts'
import type { Handed } from '../workers/read-watched.ts'
import { materializationFacts, runFacts } from './facts.ts'

/** What a sensor that watches something is handed, as far as a test says it. */
export type HandedFacts =
  | { readonly runs: readonly Partial<RunFacts>[] }
  | { readonly materializations: readonly (Partial<MaterializationFacts> & Pick<MaterializationFacts, 'asset'>)[] }

/**
 * What a sensor is handed: undefined where it watches nothing, and an empty list where nothing is given.
 * @param at when it happened: ISO 8601, UTC
 * @throws MillraceError `TEST_HANDED` for what it is never handed
 */
export function handedTo({ spec }: Sensor, given: HandedFacts | undefined, at: string): Handed | undefined {
  const { name, watches } = spec
  if (watches === undefined) {
    if (given === undefined) return undefined
    throw wrong(`The sensor ${name} watches neither assets nor runs.`, 'Leave `handed` out, or declare it by assetSensor() or runStatusSensor().')
  }
  if (watches.kind === 'assets') {
    if (given !== undefined && !('materializations' in given))
      throw wrong(`The sensor ${name} watches assets.`, 'Hand it { materializations: [{ asset: … }] }.')
    return { materializations: (given?.materializations ?? []).map((one, index) => materializationFacts(at, index + 1, one)) }
  }
  if (given !== undefined && !('runs' in given)) throw wrong(`The sensor ${name} watches runs.`, 'Hand it { runs: [{ job: …, status: … }] }.')
  const runs = (given?.runs ?? []).map((one) => runFacts(at, { status: watches.ends[0] ?? 'failed', job: watches.jobs?.[0] ?? null, ...one }))
  const other = runs.find(({ status, job }) => !watches.ends.some((end) => end === status) || (watches.jobs !== undefined && !watches.jobs.includes(job ?? '')))
  if (other === undefined) return { runs }
  const ofJobs = watches.jobs === undefined ? '' : ` of ${watches.jobs.join(', ')}`
  throw wrong(
    `The sensor ${name} is never handed a run of ${other.job ?? 'assets'} that is ${other.status}: it watches runs${ofJobs} that end as ${watches.ends.join(', ')}.`,
    'Mend the `status` or the `job` of what is handed, or what the sensor watches.',
  )
}

const wrong = (message: string, hint: string): MillraceError => new MillraceError(message, { code: 'TEST_HANDED', hint })
