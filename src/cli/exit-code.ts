/** How the process ends; documented in `millrace --help`. */
export const exitCode = {
  done: 0,
  /** The run failed, a check of `doctor` did, or something unexpected happened. */
  failed: 1,
  /** The command line or the configuration is wrong. */
  usage: 2,
  /** What the command needs does not answer: the database, the queue backend. */
  unavailable: 3,
  /** `materialize --plan --exit-code`: tables would change. */
  changes: 4,
  /** Ended by Ctrl-C or SIGTERM before it was done. */
  interrupted: 130,
} as const
export type ExitCode = (typeof exitCode)[keyof typeof exitCode]
