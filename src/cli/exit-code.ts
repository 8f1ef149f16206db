import { CommanderError } from '@commander-js/extra-typings'
import { ConfigError, MillraceError } from '../errors.ts'

/** How the process ends; documented in `millrace --help` and docs/cli.md. */
export const exitCode = {
  done: 0,
  /** It ran and failed, or what is there does not allow it: the run failed, `doctor` found a fault, a run that has ended cannot be canceled. */
  failed: 1,
  /** The command line or a setting is wrong: an option, a value, a name that nothing has or that several have. The same call fails again. */
  usage: 2,
  /** What the command needs does not answer: the database, the queue backend; or nothing is running. */
  unavailable: 3,
  /** `materialize --plan --exit-code`: tables would change. */
  changes: 4,
  /** Ended by Ctrl-C or SIGTERM before it was done. */
  interrupted: 130,
} as const
export type ExitCode = (typeof exitCode)[keyof typeof exitCode]

/** A name that nothing has, or that several have. */
const namesNoOne = /^UNKNOWN_|_UNKNOWN$|_AMBIGUOUS$/

/** What else of ours says that something is wrong with what was asked for. */
const askedWrongly: ReadonlySet<string> = new Set([
  'ASSET_EXTERNAL',
  'BACKFILL_INVALID',
  'CONFIG_INVALID',
  'JOB_OF_ASSETS',
  'METADATA_INVALID',
  'NO_PARTITIONS',
  'NOT_AUTOMATED',
  'ONE_PARTITION_PER_RUN',
  'PARTITIONS_DIFFER',
  'PARTITION_KEY_INVALID',
  'PARTITION_NEEDED',
  'PARTITION_RANGE_INVALID',
  'REDRIVE_NO_TABLE',
  'REDRIVE_PARTITIONS',
  'REFRESH_EACH_BATCH',
  'REFRESH_PARTITIONS',
  'SELECTION_INVALID',
  'SQL_EMPTY',
  'TAG_INVALID',
  'TOO_MANY_PARTITIONS',
])

const unanswered: ReadonlySet<string> = new Set(['DATABASE_UNAVAILABLE', 'QUEUE_UNAVAILABLE', 'NOT_RUNNING'])

/** The exit code of a command that threw. */
export function exitCodeOfError(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.done : exitCode.usage
  if (!(error instanceof MillraceError)) return exitCode.failed
  if (unanswered.has(error.code)) return exitCode.unavailable
  if (error.code === 'INTERRUPTED') return exitCode.interrupted
  return error instanceof ConfigError || namesNoOne.test(error.code) || askedWrongly.has(error.code) ? exitCode.usage : exitCode.failed
}
