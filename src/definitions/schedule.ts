import * as z from 'zod'
import { cronTimes } from './cron-times.ts'
import { DefinitionError } from './definition-error.ts'
import type { JsonObject } from './json.ts'
import {
  aDefinition,
  aFunction,
  aNumber,
  aText,
  either,
  fitting,
  jsonObject,
  milliseconds,
  oneOf,
  textOrTexts,
  textsByName,
  trueOrFalse,
} from './option-kinds.ts'
import { isGiven, named, refuseWrong, required } from './option-shape.ts'
import type { OptionShape } from './option-shape.ts'
import { partitionsOfJob } from './ops/job-spec.ts'
import type { Job } from './ops/job.ts'
import type { Throttle } from './rate-limit.ts'
import { resourcesKind } from './resource.ts'
import type { ClientsOf, Resources } from './resource.ts'
import { cronOfWindows, windowsOf } from './partitions/cron-of-windows.ts'
import { zoneClock } from './partitions/zone-clock.ts'
import { RunOptions, runOptionsShape } from './run-limits.ts'
import type { RunRequest } from './sensor.ts'
import { issuesOf } from './issues.ts'

/** What becomes of slots that were missed, as nothing of the installation ran: the latest is made up for, none, or the latest so many. */
const CatchUp = z.union([z.enum(['latest', 'none']), z.int().min(1).max(1000)])

/** A schedule as data. */
export const ScheduleSpec = z.object({
  name: z.string().regex(/^[A-Za-z_][A-Za-z0-9_-]{0,99}$/, 'a schedule name has letters, digits, _ and -'),
  /** Of five or six fields each, as cron-parser reads them. Manifests of before there were several have one. */
  cron: z.union([z.string().transform((one) => [one]), z.array(z.string()).min(1).max(100)]),
  timeZone: z.string().default('UTC'),
  /** Selections: asset keys, `group:name`, `*`, or as `+a and not tag:slow`. None where it starts a job. */
  assets: z.array(z.string()),
  /** The name of the job that it starts. */
  job: z.string().optional(),
  /** One run for each partition that came since the slot before. */
  partitions: z.literal('new').optional(),
  catchUp: CatchUp.optional(),
  /** A function says what is to be run. */
  decides: z.boolean().optional(),
  /** The longest that the function may take, in ms. */
  evaluationTimeoutMs: z.int().positive().optional(),
  /** The most runs of one tick. */
  maxRuns: z.int().min(1).max(10_000).optional(),
  /** Tick once, at once, when the installation first sees this schedule. */
  runOnFirstStart: z.boolean().default(false),
  /** Off until somebody starts it. */
  startsStopped: z.boolean().default(false),
  config: z.record(z.string(), z.json()).default({}),
  /** Of its runs. */
  tags: z.record(z.string(), z.string()).optional(),
  /** Of its runs. */
  ...RunOptions.shape,
})
export type ScheduleSpec = z.infer<typeof ScheduleSpec>

/** What a schedule's function is handed. */
export interface ScheduleContext<Clients = Readonly<Record<string, unknown>>> {
  /** The time that the tick stands for, which may be long past. ISO 8601, UTC. */
  readonly scheduledAt: string
  readonly resources: Clients
  /** Aborted when the evaluation takes too long. */
  readonly signal: AbortSignal
  readonly throttle: Throttle
  /** Writes a line that is kept with the tick. */
  readonly log: (message: string, fields?: JsonObject) => void
}

/** What a schedule's function answers; nothing is no run, and no reason. */
export interface ScheduleAnswer {
  /** Those that say no assets run what the schedule starts, and those that say no configuration have the schedule's. */
  readonly runs?: readonly RunRequest[]
  /** Why there is no run, or what there is to say. */
  readonly reason?: string
}

type Given = Omit<z.input<typeof ScheduleSpec>, 'cron' | 'assets' | 'job' | 'decides'>

interface Common<Needs extends Resources> extends Given {
  /** What `run` uses, by the name it uses. */
  readonly resources?: Needs
  /** Decides what is to be run, in place of one run of the schedule's assets or job. */
  readonly run?: (context: ScheduleContext<ClientsOf<Needs>>) => ScheduleAnswer | null | undefined | void | Promise<ScheduleAnswer | null | undefined | void>
}

interface ByCron {
  /** One expression or several. */
  readonly cron: string | readonly string[]
}

export type ScheduleOptions<Needs extends Resources = Resources> = Common<Needs> &
  (
    | (ByCron & { readonly assets: string | readonly string[] })
    | (ByCron & { readonly job: Job | string })
    /** Without `cron`: at the end of each window of time that the job's partitions are, one run for each new one. */
    | { readonly job: Job; readonly cron?: never; readonly timeZone?: never }
  )

/** How great numbers may be is asked with the rest. */
const shape: OptionShape<ScheduleOptions> = {
  name: required(aText('nightly')),
  cron: textOrTexts('0 6 * * *'),
  timeZone: aText('Europe/Paris'),
  assets: textOrTexts('group:sales'),
  job: either(aText('nightly'), aDefinition('a job, as job({ … }) answers it', 'job')),
  partitions: oneOf('new'),
  catchUp: fitting(CatchUp, "'latest', 'none' or a whole number from 1 to 1000"),
  evaluationTimeoutMs: milliseconds,
  maxRuns: aNumber,
  runOnFirstStart: trueOrFalse,
  startsStopped: trueOrFalse,
  config: jsonObject,
  tags: textsByName("{ team: 'data' }"),
  ...runOptionsShape,
  resources: resourcesKind,
  run: aFunction('({ scheduledAt }) => ({ runs: [{}] })'),
}

/** A schedule, as the worker that evaluates its ticks holds it. */
export interface Schedule {
  readonly kind: 'schedule'
  readonly spec: ScheduleSpec
  readonly resources: Resources
  readonly run: ((context: ScheduleContext<never>) => unknown) | undefined
}

/**
 * Starts runs of a job, or of the chosen assets, by the clock.
 * @throws DefinitionError for options that cannot be
 */
export function schedule<Needs extends Resources = Resources>(options: ScheduleOptions<Needs>): Schedule {
  refuseWrong(named('schedule', options, 'name'), options, shape)
  const [hasJob, hasAssets] = [isGiven(options, 'job'), isGiven(options, 'assets')]
  if (hasJob && hasAssets) throw new DefinitionError(`The schedule ${options.name} has both \`job\` and \`assets\`. Leave one out.`)
  if (!hasJob && !hasAssets) {
    throw new DefinitionError(
      `The schedule ${options.name} has neither \`job\` nor \`assets\`. Give it a job, or the assets that it starts, as assets: 'group:sales'.`,
    )
  }
  const { resources, run, cron, ...given } = { ...options, ...whenOf(options) }
  const what = startedBy(given)
  const parsed = ScheduleSpec.safeParse({
    ...given,
    cron: typeof cron === 'string' ? cron : [...cron],
    ...what,
    ...(run === undefined ? {} : { decides: true }),
  })
  if (!parsed.success) throw new DefinitionError(`The schedule ${JSON.stringify(options.name)} cannot be: ${issuesOf(parsed.error)}.`)
  const spec = parsed.data
  if (spec.job === undefined && spec.assets.length === 0) throw new DefinitionError(`The schedule ${spec.name} chooses no assets.`)
  checkTimes(spec)
  if (run !== undefined && spec.partitions !== undefined) {
    throw new DefinitionError(
      `The schedule ${spec.name} has a function and \`partitions\`. Leave \`partitions\` out: the function names them in its run requests.`,
    )
  }
  return { kind: 'schedule', spec, resources: resources ?? {}, run }
}

type Started = { readonly job?: Job | string } | { readonly assets?: string | readonly string[] }

function startedBy(given: Started): Pick<ScheduleSpec, 'assets' | 'job'> {
  if ('job' in given && given.job !== undefined) return { assets: [], job: typeof given.job === 'string' ? given.job : given.job.name }
  return { assets: 'assets' in given ? [given.assets ?? []].flat() : [] }
}

interface Timed extends Partial<ByCron> {
  readonly name: string
  readonly job?: Job | string
  readonly timeZone?: string | undefined
  readonly run?: unknown
}

/** When a schedule ticks: as it says, or by the windows of time that its job's partitions are. */
function whenOf({ name, cron, job, timeZone, run }: Timed): {
  readonly cron: string | readonly string[]
  readonly timeZone?: string
  readonly partitions?: 'new'
} {
  if (cron !== undefined) return { cron }
  const windows = windowsOf(typeof job === 'object' ? partitionsOfJob(job) : undefined)
  if (windows === undefined) {
    throw new DefinitionError(
      `The schedule ${name} has no \`cron\`. Give it a text, or a list of texts, as '0 6 * * *'. Only the schedule of a job of ops whose partitions are windows of time goes without one; \`job\` is to be the job itself then, not its name.`,
    )
  }
  if (run !== undefined || timeZone !== undefined)
    throw new DefinitionError(`The schedule ${name} goes by the windows of its job's partitions. Give it a \`cron\`, or leave \`run\` and \`timeZone\` out.`)
  return { cron: cronOfWindows(windows), timeZone: windows.timeZone, partitions: 'new' }
}

function checkTimes({ name, cron, timeZone }: ScheduleSpec): void {
  const twice = cron.find((one, at) => cron.indexOf(one) !== at)
  if (twice !== undefined) throw new DefinitionError(`The schedule ${name} has the cron expression ${JSON.stringify(twice)} twice. Take one out.`)
  try {
    zoneClock(timeZone)
  } catch (error) {
    throw new DefinitionError(`The schedule ${name} has the time zone ${JSON.stringify(timeZone)}, which there is not. Name one as Europe/Paris.`, {
      cause: error,
    })
  }
  for (const one of cron) {
    const fields = one.trim().split(/\s+/)
    // H is another time for each who reads it.
    const odd = one.trim().startsWith('@') ? false : fields.length < 5 || fields.some((field) => /^H(\W|$)/.test(field))
    if (odd)
      throw new DefinitionError(`The schedule ${name} has the cron expression ${JSON.stringify(one)}, which is none: it has five fields, or six with seconds.`)
    try {
      cronTimes([one], timeZone).after(Date.now())
    } catch (error) {
      throw new DefinitionError(
        `The schedule ${name} has the cron expression ${JSON.stringify(one)}, which never comes or is none: ${error instanceof Error ? error.message : String(error)}.`,
        { cause: error },
      )
    }
  }
}

/** The times of a schedule. */
export const slotsOf = ({ cron, timeZone }: Pick<ScheduleSpec, 'cron' | 'timeZone'>) => cronTimes(cron, timeZone)

/** How many missed slots are made up for. Partitions are work of their own that no later slot makes up for, so more of them. */
export function slotsCaughtUp({ catchUp, partitions }: Pick<ScheduleSpec, 'catchUp' | 'partitions'>): number {
  if (catchUp === undefined) return partitions === undefined ? 1 : 100
  if (typeof catchUp === 'number') return catchUp
  return catchUp === 'latest' ? 1 : 0
}

/** A slot older than this without a tick was missed, in ms; younger ones may be on their way through the queue. */
export const missedAfterMs = 30_000
/** A slot that is no later than this, in ms, is late rather than missed, also where missed ones are not made up for: its delivery was lost, or its worker died. */
export const lateMs = 300_000

/** Whether a missed slot has waited for so long that later ones take its place. One of new partitions says itself what is left of it. */
export function isPassedOver(spec: Pick<ScheduleSpec, 'cron' | 'timeZone' | 'catchUp' | 'partitions'>, slot: number, now: number): boolean {
  if (spec.partitions !== undefined) return false
  const most = slotsCaughtUp(spec)
  if (most === 0) return now - slot > lateMs
  const slots = slotsOf(spec)
  let later = 0
  for (let at = slots.after(slot); at < now - missedAfterMs && later < most; at = slots.after(at)) later += 1
  return later === most
}
