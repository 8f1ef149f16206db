import { accessSync, constants } from 'node:fs'
import { nameOf } from './destinations.ts'
import type { DestinationSpec } from '../definitions/destination.ts'
import { ConfigError } from '../errors.ts'
import { driverUrl, withAuthority } from '../postgres.ts'

export type Env = Readonly<Record<string, string | undefined>>

/** A destination's address, as psql takes it and as the driver does. */
export interface DestinationAddress {
  readonly url: string
  readonly driverUrl: string
}

/**
 * Where a destination is, by the environment of this process.
 * @throws ConfigError `DESTINATION_UNSET`, `DESTINATION_INVALID`; never with a value, which may hold a password
 */
export function addressOf(spec: DestinationSpec, env: Env): DestinationAddress {
  const given = valueOf(spec, spec.url.env, env)
  if (!/^postgres(ql)?:$/.test(URL.parse(given)?.protocol ?? '')) throw invalid(spec, spec.url.env, 'must be a postgres:// address')
  const caFile = spec.caFile === undefined ? undefined : valueOf(spec, spec.caFile.env, env)
  const url = caFile === undefined ? given : withAuthority(given, caFile)
  for (const name of ['sslrootcert', 'sslcert', 'sslkey']) {
    const file = new URL(url).searchParams.get(name)
    if (file !== null) requireFile(spec, name === 'sslrootcert' && spec.caFile !== undefined ? spec.caFile.env : spec.url.env, file)
  }
  return { url, driverUrl: driverUrl(url) }
}

function valueOf(spec: DestinationSpec, variable: string, env: Env): string {
  const value = env[variable]
  if (value !== undefined && value !== '') return value
  throw new ConfigError(`The destination ${nameOf(spec)} needs the variable ${variable}, which is not set.`, {
    code: 'DESTINATION_UNSET',
    hint: `Set ${variable} where load workers run, in the environment or in .env, and restart them.`,
  })
}

function requireFile(spec: DestinationSpec, variable: string, path: string): void {
  try {
    accessSync(path, constants.R_OK)
  } catch (error) {
    throw invalid(spec, variable, `names the file ${path}, which cannot be read`, error)
  }
}

function invalid(spec: DestinationSpec, variable: string, what: string, cause?: unknown): ConfigError {
  return new ConfigError(`The destination ${nameOf(spec)} cannot be used: ${variable} ${what}.`, {
    code: 'DESTINATION_INVALID',
    hint: `Mend ${variable} where load workers run, and restart them.`,
    cause,
  })
}
