import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseEnv } from 'node:util'
import * as z from 'zod'
import { ConfigError } from './errors.ts'

const flag = z
  .enum(['0', '1', 'true', 'false', ''])
  .optional()
  .transform((value) => value === '1' || value === 'true')
const whole = (fallback: number, min: number) => z.coerce.number().int().min(min).default(fallback)

const hostNames = /^\s*[^\s,:/@]+\s*(,\s*[^\s,:/@]+\s*)*$/

// A folder, unless it has a scheme.
const spoolPlaces = /^(redis|rediss?:\/\/\S+|s3:\/\/[a-z0-9][a-z0-9.-]{1,62}(\/\S*)?(\?\S*)?|(?![a-z0-9]+:\/\/).+)$/

const Environment = z.object({
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
  DESTINATION_URL: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
  REDIS_URL: z.url({ protocol: /^rediss?$/ }).optional(),
  PORT: whole(3000, 0),
  HOST: z.string().default('127.0.0.1'),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  LOG_FORMAT: z.enum(['pretty', 'json']).optional(),
  MILLRACE_HOME: z.string().default('.millrace'),
  MILLRACE_SPOOL: z.string().regex(spoolPlaces, 'a folder, redis, redis://…, rediss://… or s3://bucket/prefix').optional(),
  MILLRACE_PIPELINES: z.string().default('pipelines'),
  MILLRACE_QUEUE_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9_{}-]+$/)
    .default('millrace'),
  MILLRACE_INSECURE: flag,
  MILLRACE_HOSTS: z.string().regex(hostNames, 'names without scheme or port, separated by commas').optional(),
  MILLRACE_BOARD_URL: z.url({ protocol: /^https?$/ }).optional(),
  MILLRACE_DEMO: flag,
  MILLRACE_CODE_VERSION: z.string().min(1).optional(),
  MILLRACE_DRAIN_SECONDS: whole(20, 0),
  MILLRACE_BATCH_BYTES: whole(10 * 1024 * 1024, 1024),
  MILLRACE_WINDOW: whole(8, 1),
  MILLRACE_MAX_RECORD_BYTES: whole(16 * 1024 * 1024, 1024),
  MILLRACE_LEASE_SECONDS: whole(8, 1),
  MILLRACE_STUCK_SECONDS: whole(30, 1),
  MILLRACE_QUARANTINE_DAYS: whole(0, 0),
  MILLRACE_QUARANTINE_SETTLED_DAYS: whole(30, 0),
  MILLRACE_DEBUG_DAYS: whole(7, 0),
  MILLRACE_LOG_DAYS: whole(30, 0),
  MILLRACE_HISTORY_DAYS: whole(90, 0),
  MILLRACE_RUN_DAYS: whole(90, 0),
  MILLRACE_SCHEDULE_TICK_DAYS: whole(90, 0),
  MILLRACE_SENSOR_TICK_DAYS: whole(30, 0),
  MILLRACE_BACKFILL_DAYS: whole(90, 0),
})

/** Where batch bytes lie on their way from extract to load. */
export type SpoolPlace =
  | { readonly kind: 'files'; readonly folder: string }
  | { readonly kind: 'redis'; readonly url: string; readonly prefix: string }
  | {
      readonly kind: 's3'
      readonly bucket: string
      readonly prefix: string
      readonly endpoint: string | undefined
      readonly region: string | undefined
      readonly pathStyle: boolean | undefined
      readonly env: Readonly<Record<string, string | undefined>>
    }

export interface Config {
  /** The catalogue; undefined means an embedded Postgres below `home`. */
  readonly databaseUrl: string | undefined
  /** The default destination; undefined means the catalogue's own database. */
  readonly destinationUrl: string | undefined
  readonly redisUrl: string | undefined
  readonly port: number
  readonly host: string
  readonly logLevel: z.infer<typeof Environment>['LOG_LEVEL']
  /** How lines of the log look; undefined: by whether standard error is a terminal. */
  readonly logFormat: 'pretty' | 'json' | undefined
  /** The folder of everything this installation keeps on disk. */
  readonly home: string
  readonly spool: SpoolPlace
  readonly pipelines: string
  readonly queuePrefix: string
  readonly insecure: boolean
  /** Names that the board is served under, besides localhost. */
  readonly hosts: readonly string[]
  /** Where people open the board, without a slash at its end; what notifications link to. */
  readonly boardUrl: string | undefined
  readonly demo: boolean
  readonly codeVersion: string | undefined
  /** How long a worker that was asked to stop may finish what it has in hand, in ms. */
  readonly drainMs: number
  /** Raw bytes at which a batch is cut. */
  readonly batchBytes: number
  /** Batches of one step that may be between extract and load. */
  readonly window: number
  readonly maxRecordBytes: number
  /** How long a process may be silent before its claims are taken over, in ms. */
  readonly leaseMs: number
  /** How long a worker's event loop may get no turn before the process is ended, in ms. */
  readonly stuckMs: number
  /** How many days records stay in quarantine: kept ones, and settled ones; 0 is for ever. */
  readonly quarantineDays: { readonly kept: number; readonly settled: number }
  /** How many days events, ended runs, ticks and backfills stay; 0 is for ever. */
  readonly historyDays: {
    readonly events: { readonly debug: number; readonly log: number; readonly history: number }
    readonly runs: number
    readonly scheduleTicks: number
    readonly sensorTicks: number
    readonly backfills: number
  }
  readonly env: Readonly<Record<string, string | undefined>>
}

/** What the `.env` of a folder says; nothing where there is none. @throws what the file system says of one that cannot be read */
export function readEnvFile(folder: string): Record<string, string> {
  const path = resolve(folder, '.env')
  if (!existsSync(path)) return {}
  return Object.fromEntries(Object.entries(parseEnv(readFileSync(path, 'utf8'))).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
}

/** Whether a variable is a setting of Millrace itself, and not one of the user's code. */
export function isSetting(name: string): boolean {
  return Object.hasOwn(Environment.shape, name)
}

/**
 * The configuration from the environment.
 * @throws ConfigError `CONFIG_INVALID` naming every variable that is wrong; never its value, which may be a secret.
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>, folder: string = process.cwd()): Config {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const parsed = Environment.safeParse(set)
  if (!parsed.success) {
    const wrong = parsed.error.issues.map((issue) => `${issue.path.join('.')} (${issue.message})`).join(', ')
    throw new ConfigError(`The environment has settings that cannot be used: ${wrong}.`, {
      code: 'CONFIG_INVALID',
      hint: 'Mend them in the environment or in .env.',
    })
  }
  const value = parsed.data
  const home = resolve(folder, value.MILLRACE_HOME)
  return {
    databaseUrl: value.DATABASE_URL,
    destinationUrl: value.DESTINATION_URL,
    redisUrl: value.REDIS_URL,
    port: value.PORT,
    host: value.HOST,
    logLevel: value.LOG_LEVEL,
    logFormat: value.LOG_FORMAT,
    home,
    spool: spoolPlaceOf(value.MILLRACE_SPOOL ?? `${home}/spool`, { folder, redisUrl: value.REDIS_URL, prefix: value.MILLRACE_QUEUE_PREFIX, env }),
    pipelines: resolve(folder, value.MILLRACE_PIPELINES),
    queuePrefix: value.MILLRACE_QUEUE_PREFIX,
    insecure: value.MILLRACE_INSECURE,
    hosts: value.MILLRACE_HOSTS?.split(',').map((name) => name.trim()) ?? [],
    boardUrl: value.MILLRACE_BOARD_URL?.replace(/\/+$/, ''),
    demo: value.MILLRACE_DEMO,
    codeVersion: value.MILLRACE_CODE_VERSION,
    drainMs: value.MILLRACE_DRAIN_SECONDS * 1000,
    batchBytes: value.MILLRACE_BATCH_BYTES,
    window: value.MILLRACE_WINDOW,
    maxRecordBytes: value.MILLRACE_MAX_RECORD_BYTES,
    leaseMs: value.MILLRACE_LEASE_SECONDS * 1000,
    stuckMs: value.MILLRACE_STUCK_SECONDS * 1000,
    quarantineDays: { kept: value.MILLRACE_QUARANTINE_DAYS, settled: value.MILLRACE_QUARANTINE_SETTLED_DAYS },
    historyDays: {
      events: { debug: value.MILLRACE_DEBUG_DAYS, log: value.MILLRACE_LOG_DAYS, history: value.MILLRACE_HISTORY_DAYS },
      runs: value.MILLRACE_RUN_DAYS,
      scheduleTicks: value.MILLRACE_SCHEDULE_TICK_DAYS,
      sensorTicks: value.MILLRACE_SENSOR_TICK_DAYS,
      backfills: value.MILLRACE_BACKFILL_DAYS,
    },
    env,
  }
}

interface SpoolSurroundings {
  readonly folder: string
  readonly redisUrl: string | undefined
  readonly prefix: string
  readonly env: Readonly<Record<string, string | undefined>>
}

function spoolPlaceOf(text: string, { folder, redisUrl, prefix, env }: SpoolSurroundings): SpoolPlace {
  if (text === 'redis') {
    if (redisUrl !== undefined) return { kind: 'redis', url: redisUrl, prefix }
    throw new ConfigError('MILLRACE_SPOOL is redis, and REDIS_URL is not set.', {
      code: 'CONFIG_INVALID',
      hint: 'Set REDIS_URL, or name another Redis: MILLRACE_SPOOL=redis://host:6379.',
    })
  }
  if (/^rediss?:/.test(text)) return { kind: 'redis', url: text, prefix }
  if (!text.startsWith('s3:')) return { kind: 'files', folder: resolve(folder, text) }
  const { host, pathname, searchParams } = new URL(text)
  const pathStyle = searchParams.get('pathStyle')
  return {
    kind: 's3',
    bucket: host,
    prefix: decodeURIComponent(pathname).replace(/^\/+|\/+$/g, ''),
    endpoint: searchParams.get('endpoint') ?? undefined,
    region: searchParams.get('region') ?? undefined,
    pathStyle: pathStyle === null ? undefined : pathStyle === 'true' || pathStyle === '1',
    env,
  }
}

/** A spool's place as people are told it: without its secrets. */
export function spoolName(place: SpoolPlace): string {
  if (place.kind === 'files') return place.folder
  if (place.kind === 'redis') return `redis://${new URL(place.url).host}`
  return `s3://${place.bucket}${place.prefix === '' ? '' : `/${place.prefix}`}`
}
