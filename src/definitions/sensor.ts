import * as z from 'zod'
import { DefinitionError } from './definition-error.ts'
import type { Json, JsonObject } from './json.ts'
import type { Throttle } from './rate-limit.ts'
import type { ClientsOf, Resources } from './resource.ts'

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

export interface SensorOptions<Needs extends Resources> {
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
  readonly run: (context: SensorContext<ClientsOf<Needs>>) => SensorAnswer | null | undefined | void | Promise<SensorAnswer | null | undefined | void>
}

/** A sensor, as the worker that evaluates it holds it. */
export interface Sensor {
  readonly kind: 'sensor'
  readonly spec: SensorSpec
  readonly resources: Resources
  readonly run: (context: SensorContext<never>) => unknown
}

/**
 * A function that is asked again and again whether there is something to run.
 * @throws DefinitionError for options that cannot be
 */
export function sensor<Needs extends Resources = Resources>(options: SensorOptions<Needs>): Sensor {
  const parsed = SensorSpec.safeParse({
    name: options.name,
    ...(options.description === undefined ? {} : { description: options.description }),
    everyMs: options.everyMs ?? 30_000,
    assets: [options.assets ?? []].flat(),
    startsStopped: options.startsStopped ?? false,
    timeoutMs: options.timeoutMs ?? 60_000,
    maxRuns: options.maxRuns ?? 1000,
  })
  if (!parsed.success) throw new DefinitionError(`The sensor ${JSON.stringify(options.name)} cannot be: ${z.prettifyError(parsed.error)}.`)
  return { kind: 'sensor', spec: parsed.data, resources: options.resources ?? {}, run: options.run }
}

const texts = z.record(z.string(), z.string())
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
          tags: texts.default({}),
        }),
      )
      .default([]),
    reason: z.string().max(2000).optional(),
    cursor: z.json().optional(),
    partitionKeys: z.record(z.string(), KeyChange).default({}),
  })
  .nullish()
  .transform((answer) => answer ?? { runs: [], partitionKeys: {} })
export type ParsedAnswer = z.output<typeof ParsedAnswer>
