import * as z from 'zod'
import { DefinitionError } from './definition-error.ts'
import type { Json, JsonObject } from './json.ts'
import { NotificationRequest } from './notification.ts'
import type { Throttle } from './rate-limit.ts'
import { aFunction, aNumber, aText, either, milliseconds, oneOf, oneOrListOf, texts, textOrTexts, trueOrFalse } from './option-kinds.ts'
import { named, refuseWrong, required } from './option-shape.ts'
import type { OptionShape } from './option-shape.ts'
import { resourcesKind } from './resource.ts'
import type { ClientsOf, Resources } from './resource.ts'
import type { MaterializationFacts, RunFacts } from './run-facts.ts'
import { issuesOf } from './issues.ts'

/** Of runs these ends can be waited for. */
export const runEnds = ['succeeded', 'failed', 'canceled'] as const
export type RunEnd = (typeof runEnds)[number]

/** What a sensor is evaluated on. */
export const Watched = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('assets'),
    /** Selections. */
    assets: z.array(z.string()).min(1),
    /** Absent: the sensor's own. */
    location: z.string().optional(),
    atOnce: z.int().min(1).max(1000),
  }),
  z.object({
    kind: z.literal('runs'),
    ends: z.array(z.enum(runEnds)).min(1),
    /** Absent: whatever a run is of. */
    jobs: z.array(z.string()).min(1).optional(),
    /** Absent: everywhere. */
    locations: z.array(z.string()).min(1).optional(),
    atOnce: z.int().min(1).max(1000),
  }),
])
export type Watched = z.infer<typeof Watched>

/** A sensor as data. */
export const SensorSpec = z.object({
  name: z.string().regex(/^[A-Za-z_][A-Za-z0-9_-]{0,99}$/, 'a sensor name has letters, digits, _ and -'),
  description: z.string().optional(),
  /** Between two evaluations. */
  everyMs: z.int().min(500).max(86_400_000),
  /** What its runs materialize unless a request says otherwise. */
  assets: z.array(z.string()),
  startsStopped: z.boolean(),
  timeoutMs: z.int().positive(),
  maxRuns: z.int().min(1),
  /** Absent: its function looks for itself. */
  watches: Watched.optional(),
})
export type SensorSpec = z.infer<typeof SensorSpec>

/** A run that a sensor asks for. */
export interface RunRequest {
  /** Of all requests of this sensor with the same key only the first gets a run: the name of a file, say. */
  readonly runKey?: string
  /** Selections. Default: the sensor's `assets`. */
  readonly assets?: string | readonly string[]
  /** Keys and ranges, of assets that have partitions. */
  readonly partitions?: readonly string[]
  readonly config?: JsonObject
  readonly tags?: Readonly<Record<string, string>>
}

/** What a sensor's function answers; nothing is no run, and no reason. */
export interface SensorAnswer {
  readonly runs?: readonly RunRequest[]
  /** Why there is no run, or what there is to say. */
  readonly reason?: string
  /** For the next evaluation. Committed together with the runs. Left out: it stays as it is. */
  readonly cursor?: Json
  /** Keys of dynamic partitions to add and to remove, by the partitions' name; before the runs. */
  readonly partitionKeys?: Readonly<Record<string, { readonly add?: readonly string[]; readonly remove?: readonly string[] }>>
  /** Kept in the same transaction, and sent through resources that the sensor names. */
  readonly notifications?: readonly NotificationRequest[]
}

/** What a webhook brought. */
export interface SensorMessage {
  readonly body: Json
  /** ISO 8601, UTC. */
  readonly receivedAt: string
}

export interface SensorContext<Clients = Readonly<Record<string, unknown>>> {
  /** What the last evaluation that succeeded answered; undefined before there was one. */
  readonly cursor: Json | undefined
  /** When the last evaluation that succeeded began; undefined before there was one. ISO 8601, UTC. */
  readonly lastEvaluatedAt: string | undefined
  /** What came by webhook since then, the oldest first. They are gone once this evaluation has succeeded. */
  readonly messages: readonly SensorMessage[]
  readonly resources: Clients
  /** Aborted when the evaluation takes too long. */
  readonly signal: AbortSignal
  readonly throttle: Throttle
  /** Writes a line that is kept with the tick. */
  readonly log: (message: string, fields?: JsonObject) => void
}

/** What all kinds of sensors say of themselves. */
export interface SensorCommon<Needs extends Resources> {
  readonly name: string
  readonly description?: string
  /** Between the beginnings of two evaluations, in milliseconds. Default 30 s. */
  readonly everyMs?: number
  /** What its runs materialize unless a request says otherwise: selections. */
  readonly assets?: string | readonly string[]
  /** Off until somebody starts it. */
  readonly startsStopped?: boolean
  /** The longest that an evaluation may take, in milliseconds. Default 60 s. */
  readonly timeoutMs?: number
  /** The most runs that one evaluation may ask for: more is taken for a mistake. Default 1,000. */
  readonly maxRuns?: number
  readonly resources?: Needs
}

type Answered = SensorAnswer | null | undefined | void

export interface SensorOptions<Needs extends Resources> extends SensorCommon<Needs> {
  readonly run: (context: SensorContext<ClientsOf<Needs>>) => Answered | Promise<Answered>
}

export interface AssetSensorOptions<Needs extends Resources> extends SensorCommon<Needs> {
  /** Selections of the assets whose materializations it is handed. */
  readonly watch: string | readonly string[]
  /** The code location of those assets. Default: its own. */
  readonly watchLocation?: string
  /** How often it looks for new ones, in milliseconds. Default 5 s. */
  readonly everyMs?: number
  /** How many it is handed at once; what is left it is handed right after. Default 100, at most 1,000. */
  readonly atOnce?: number
  /** Called where there are new ones; each is handed over until an evaluation has succeeded with it, and then never again. */
  readonly run: (
    context: SensorContext<ClientsOf<Needs>> & {
      /** The oldest first; none only where a message came by webhook. Not those of runs that this sensor asked for. */
      readonly materializations: readonly MaterializationFacts[]
    },
  ) => Answered | Promise<Answered>
}

export interface RunStatusSensorOptions<Needs extends Resources> extends SensorCommon<Needs> {
  /** The ends that it is handed. A run that is tried again has not failed. */
  readonly on: RunEnd | readonly RunEnd[]
  /** Only runs of these jobs. Default: all runs, of assets too. */
  readonly jobs?: string | readonly string[]
  /** The code locations of the runs. Default: its own. */
  readonly locations?: 'everywhere' | readonly string[]
  /** How often it looks for new ones, in milliseconds. Default 5 s. */
  readonly everyMs?: number
  /** How many it is handed at once; what is left it is handed right after. Default 100, at most 1,000. */
  readonly atOnce?: number
  /** Called where there are new ones; each is handed over until an evaluation has succeeded with it, and then never again. */
  readonly run: (
    context: SensorContext<ClientsOf<Needs>> & {
      /** The first to end first; none only where a message came by webhook. Not those that this sensor asked for. */
      readonly runs: readonly RunFacts[]
    },
  ) => Answered | Promise<Answered>
}

/** How great numbers may be is asked with the rest. */
const commonShape: OptionShape<SensorCommon<Resources>> = {
  name: required(aText('new_files')),
  description: aText(),
  everyMs: aNumber,
  assets: textOrTexts('group:sales'),
  startsStopped: trueOrFalse,
  timeoutMs: milliseconds,
  maxRuns: aNumber,
  resources: resourcesKind,
}
const shape: OptionShape<SensorOptions<Resources>> = { ...commonShape, run: required(aFunction('({ cursor }) => ({ runs: [] })')) }
const assetSensorShape: OptionShape<AssetSensorOptions<Resources>> = {
  ...shape,
  watch: required(textOrTexts('group:sales')),
  watchLocation: aText('shop'),
  atOnce: aNumber,
}
const ends = "'succeeded', 'failed' or 'canceled', or a list of such"
const runStatusSensorShape: OptionShape<RunStatusSensorOptions<Resources>> = {
  ...shape,
  on: required(oneOrListOf(oneOf(...runEnds), ends)),
  jobs: textOrTexts('nightly'),
  locations: either(oneOf('everywhere'), texts('shop')),
  atOnce: aNumber,
}

/** A sensor, as the worker that evaluates it holds it. */
export interface Sensor {
  readonly kind: 'sensor'
  readonly spec: SensorSpec
  readonly resources: Resources
  /** Handed what its `watches` say, and nothing of the rest. */
  readonly run: (context: SensorContext<never> & { readonly materializations: readonly MaterializationFacts[]; readonly runs: readonly RunFacts[] }) => unknown
}

/**
 * A function that is asked again and again whether there is something to run.
 * @throws DefinitionError for options that cannot be
 */
export function sensor<Needs extends Resources = Resources>(options: SensorOptions<Needs>): Sensor {
  refuseWrong(named('sensor', options, 'name'), options, shape)
  return build(options, options.run)
}

/**
 * A function that is handed what was materialized of some assets: each materialization once, and none is missed.
 * @throws DefinitionError for options that cannot be
 */
export function assetSensor<Needs extends Resources = Resources>(options: AssetSensorOptions<Needs>): Sensor {
  refuseWrong(named('sensor', options, 'name'), options, assetSensorShape)
  const { watch, watchLocation, atOnce = watchedAtOnce, everyMs = watchEveryMs } = options
  const watches = { kind: 'assets', assets: [watch].flat(), ...(watchLocation === undefined ? {} : { location: watchLocation }), atOnce } as const
  return build({ ...options, everyMs }, options.run, watches)
}

/**
 * A function that is handed runs that have ended: each end once, and none is missed.
 * @throws DefinitionError for options that cannot be
 */
export function runStatusSensor<Needs extends Resources = Resources>(options: RunStatusSensorOptions<Needs>): Sensor {
  refuseWrong(named('sensor', options, 'name'), options, runStatusSensorShape)
  const { on, jobs, locations, atOnce = watchedAtOnce, everyMs = watchEveryMs } = options
  return build({ ...options, everyMs }, options.run, {
    kind: 'runs',
    ends: [on].flat(),
    ...(jobs === undefined ? {} : { jobs: [jobs].flat() }),
    // Its own is filled in by the location.
    ...(locations === 'everywhere' ? {} : { locations: locations === undefined ? [ownLocation] : [...locations] }),
    atOnce,
  })
}

/** Stands for the sensor's own location in its definition. */
export const ownLocation = '.'

const watchedAtOnce = 100
const watchEveryMs = 5000

function build(options: SensorCommon<Resources>, run: Sensor['run'], watches?: Watched): Sensor {
  const parsed = SensorSpec.safeParse({
    name: options.name,
    ...(options.description === undefined ? {} : { description: options.description }),
    everyMs: options.everyMs ?? 30_000,
    assets: [options.assets ?? []].flat(),
    startsStopped: options.startsStopped ?? false,
    timeoutMs: options.timeoutMs ?? 60_000,
    maxRuns: options.maxRuns ?? 1000,
    ...(watches === undefined ? {} : { watches }),
  })
  if (!parsed.success) throw new DefinitionError(`The sensor ${JSON.stringify(options.name)} cannot be: ${issuesOf(parsed.error)}.`)
  return { kind: 'sensor', spec: parsed.data, resources: options.resources ?? {}, run }
}

const tags = z.record(z.string(), z.string())
const KeyChange = z.strictObject({ add: z.array(z.string()).default([]), remove: z.array(z.string()).default([]) })

/** What a sensor's function may answer, with everything filled in. */
export const ParsedAnswer = z
  .strictObject({
    runs: z
      .array(
        z.strictObject({
          runKey: z.string().min(1).max(500).optional(),
          assets: z.union([z.string().transform((one) => [one]), z.array(z.string())]).optional(),
          partitions: z.array(z.string()).optional(),
          config: z.record(z.string(), z.json()).default({}),
          tags: tags.default({}),
        }),
      )
      .default([]),
    reason: z.string().max(2000).optional(),
    cursor: z.json().optional(),
    partitionKeys: z.record(z.string(), KeyChange).default({}),
    notifications: z.array(NotificationRequest).max(1000).default([]),
  })
  .nullish()
  .transform((answer) => answer ?? { runs: [], partitionKeys: {}, notifications: [] })
export type ParsedAnswer = z.output<typeof ParsedAnswer>
