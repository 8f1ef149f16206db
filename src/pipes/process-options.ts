import type { Partition } from '../definitions/partitions/partition.ts'
import type { Json, JsonObject } from '../definitions/json.ts'
import type { MetadataFields } from '../definitions/metadata/fields.ts'
import type { ReportedCheck, ReportedMaterialization } from './reports.ts'

type WriteLine = (message: string, fields?: JsonObject) => void

/** The run's log, as functions are handed it. */
export interface RunLog {
  (message: string, fields?: JsonObject): void
  readonly debug?: WriteLine
  readonly warn?: WriteLine
  readonly error?: WriteLine
}

/** What `externalProcess` needs of the context that a function is handed. */
export interface ProcessContext {
  /** Ends the process. */
  readonly signal: AbortSignal
  readonly runId: string
  /** From 1. */
  readonly attempt: number
  readonly log: RunLog
  /** Undefined where the function is not an asset's. */
  readonly assetKey?: string | undefined
  readonly codeVersion?: string | undefined
  /** The partition to make, where there is one. */
  readonly partition?: Pick<Partition, 'key' | 'window'> | undefined
  readonly jobName?: string | undefined
}

export interface ExternalProcessOptions {
  /** A program on the PATH, or a path; no shell reads it. */
  readonly command: string
  readonly args?: readonly string[]
  /** The folder it runs in. Default: the worker's. */
  readonly cwd?: string
  /** Variables for it, besides a few harmless ones such as PATH, HOME and LANG. `undefined` takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Passes on all variables of the worker, its secrets among them. Default false. */
  readonly inheritEnv?: boolean
  /** What the script finds as `context.extras`. */
  readonly extras?: JsonObject
  /** The assets that the script may report. Default: the asset whose function this is. */
  readonly assetKeys?: readonly string[]
  /**
   * How context and messages travel. `files` (default): as files in a private folder. `stdout`, `stderr`: the context in the environment and
   * messages as lines between the others, for what does not see our files: `docker run`, `ssh`.
   */
  readonly transport?: 'files' | 'stdout' | 'stderr'
  /** How long it may take to end after SIGTERM, in milliseconds, before SIGKILL. Default 5000. */
  readonly graceMs?: number
  /** How many lines each of its stdout, stderr and log may put into the run's log, before only the last 100 are kept. Default 1000. */
  readonly maxLogLines?: number
}

/** What a script reported. It ended with exit code 0. */
export interface ProcessReport {
  /** By asset key. */
  readonly materializations: Readonly<Record<string, ReportedMaterialization>>
  readonly checks: readonly ReportedCheck[]
  readonly customMessages: readonly Json[]
  /** The metadata of the materialization of the asset whose function this is; of the only one, where there is but one. May be handed on as it is. */
  readonly metadata: MetadataFields
  /** Whether the script opened the pipe at all. */
  readonly opened: boolean
  readonly exitCode: 0
  readonly seconds: number
}
