import { readConfig, readEnvFile } from '../config.ts'
import type { Config } from '../config.ts'
import { createLogger } from '../logger.ts'
import type { Logger } from '../logger.ts'

/** What every command begins with. */
export interface Environment {
  readonly config: Config
  /** Writes to standard error: readable lines on a terminal, JSON elsewhere, unless LOG_FORMAT says which. */
  readonly logger: Logger
  /** Whether log lines are for a person. */
  readonly pretty: boolean
  /** Whether a person reads along on standard output. */
  readonly terminal: boolean
}

/** Reads `.env` into the environment, where variables that are set already win, and the settings from there. @throws ConfigError naming each variable that is wrong */
export function readEnvironment(overrides: Readonly<Record<string, string>> = {}): Environment {
  for (const [name, value] of Object.entries(readEnvFile(process.cwd()))) process.env[name] ??= value
  return environmentOf({ ...process.env, ...overrides })
}

/** @throws ConfigError naming each variable that is wrong */
export function environmentOf(env: Readonly<Record<string, string | undefined>>): Environment {
  const config = readConfig(env)
  const pretty = (config.logFormat ?? (process.stderr.isTTY ? 'pretty' : 'json')) === 'pretty'
  return { config, logger: createLogger({ level: config.logLevel, pretty }), pretty, terminal: process.stdout.isTTY }
}
