import { DefinitionError } from './definition-error.ts'
import type { Job } from './ops/job.ts'
import { isTime } from './partitions/partition-mapping.ts'
import type { PartitionsSpec } from './partitions/partitions-spec.ts'
import type { ScheduleSpec } from './schedule.ts'
import { selectFor } from './selection/select-assets.ts'
import type { Selectable } from './selection/select-assets.ts'

type Asset = Selectable & { readonly kind: string; readonly partitions?: PartitionsSpec | undefined }

/**
 * Refuses a schedule whose runs could never be launched.
 * @throws DefinitionError
 */
export function checkSchedule(schedule: ScheduleSpec, assets: readonly Asset[], jobs: readonly Job[], location: string): void {
  const partitions = partitionsStarted(schedule, assets, jobs, location)
  if (schedule.decides === true) return
  if (schedule.partitions === undefined) {
    if (partitions === undefined) return
    throw new DefinitionError(
      `The schedule ${schedule.name} of ${location} starts what has partitions and does not say which. Add \`partitions: 'new'\` for one run for each new partition, or a function \`run\` that names them.`,
    )
  }
  if (partitions === undefined)
    throw new DefinitionError(`The schedule ${schedule.name} of ${location} wants new partitions of what has none. Leave \`partitions\` out.`)
  if (comesWithTime(partitions)) return
  throw new DefinitionError(
    `The schedule ${schedule.name} of ${location} wants new partitions, and there never are any: they are known while the definitions are written, or come by no one dimension of time. Name them by a function \`run\`.`,
  )
}

/** Those of what a schedule starts; undefined where that has none. */
function partitionsStarted(schedule: ScheduleSpec, assets: readonly Asset[], jobs: readonly Job[], location: string): PartitionsSpec | undefined {
  const own = schedule.job === undefined ? undefined : jobs.find((one) => one.name === schedule.job)
  if (schedule.job !== undefined && own === undefined) {
    throw new DefinitionError(
      `The schedule ${schedule.name} starts the job ${schedule.job}, which the location ${location} does not define. Its jobs are: ${jobs.map((one) => one.name).join(', ') || 'none'}.`,
    )
  }
  if (own?.work.kind === 'graph') return own.work.partitions
  const chosen = new Set(selectFor(`The schedule ${schedule.name} of ${location}`, assets, own === undefined ? schedule.assets : own.work.assets))
  // No run makes what something else makes.
  const made = assets.filter((one) => chosen.has(one.key) && one.kind !== 'external')
  if (made.length === 0 && schedule.decides !== true) {
    throw new DefinitionError(
      `The schedule ${schedule.name} of ${location} starts nothing that Millrace makes: ${[...chosen].join(', ')} is made by something else.`,
    )
  }
  const [first, ...others] = made.filter((one) => one.partitions !== undefined)
  const other = others.find((one) => JSON.stringify(one.partitions) !== JSON.stringify(first?.partitions))
  if (first !== undefined && other !== undefined && schedule.decides !== true) {
    throw new DefinitionError(
      `The schedule ${schedule.name} of ${location} starts ${first.key} and ${other.key}, which have different partitions, and one run makes one kind of them. Make it two schedules.`,
    )
  }
  return first?.partitions
}

function comesWithTime(spec: PartitionsSpec): boolean {
  if (spec.kind !== 'multi') return isTime(spec) || spec.kind === 'dynamic'
  return spec.dimensions.filter(({ partitions }) => isTime(partitions)).length === 1
}
