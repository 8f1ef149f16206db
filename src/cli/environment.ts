import { readConfig, readEnvFile } from '../config.ts'
import type { Config } from '../config.ts'
import { createLogger } from '../logger.ts'
import type { Logger } from '../logger.ts'

/** What every command begins with. */
export interface Environment {
  readonly config: Config
  /** Writes to standard error: readable lines on a terminal, JSON elsewhere. */
  readonly logger: Logger
  /** Whether a person reads along on standard output. */
  readonly terminal: boolean
}

/** Reads `.env` and the environment. @throws ConfigError naming each variable that is wrong */
export function readEnvironment(overrides: Readonly<Record<string, string>> = {}): Environment {
  readEnvFile(process.cwd())
  const config = readConfig({ ...process.env, ...overrides })
  return { config, logger: createLogger({ level: config.logLevel, pretty: process.stderr.isTTY }), terminal: process.stdout.isTTY }
}
