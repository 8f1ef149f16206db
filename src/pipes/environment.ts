import { isSecretName, redact, redactText, redacted } from '../redact.ts'
import type { Json } from '../definitions/json.ts'

/** What every program may know of the worker's environment: where things are, and in which language to speak. */
const harmless = /^(?:PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_[A-Z]+|TZ|TMPDIR|SSL_CERT_FILE|SSL_CERT_DIR)$/

interface EnvironmentOptions {
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly inheritEnv?: boolean
}

/** The variables that a script is started with, but for those of the protocol. */
export function scriptEnvironment({ env = {}, inheritEnv = false }: EnvironmentOptions, own: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const passed = Object.entries(own).filter(([name]) => inheritEnv || harmless.test(name))
  // Python holds back what it writes to a pipe; what a killed script still held would be lost.
  const all = { PYTHONUNBUFFERED: '1', ...Object.fromEntries(passed), ...env }
  return Object.fromEntries(Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
}

/** Takes secrets out of what a script says. */
export interface Redactor {
  readonly text: (text: string) => string
  readonly json: <T extends Json>(value: T) => T
}

/** Knows secrets by their form, and those that the script was handed in variables with a secret's name. */
export function createRedactor(env: Readonly<Record<string, string>>): Redactor {
  // Shorter ones are words, ports and flags, which would be taken out of everything.
  const secrets = Object.entries(env)
    .flatMap(([name, value]) => (isSecretName(name) ? value.split('\n').map((line) => line.trim()) : []))
    .filter((value) => value.length >= 6)
    .toSorted((one, other) => other.length - one.length)
  const text = (from: string): string => redactText(secrets.reduce((rest, secret) => rest.replaceAll(secret, redacted), from))
  return { text, json: <T extends Json>(value: T) => redact(mapTexts(value, text)) as T }
}

function mapTexts(value: Json, change: (text: string) => string): Json {
  if (typeof value === 'string') return change(value)
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map((one: Json) => mapTexts(one, change))
  return Object.fromEntries(Object.entries(value).map(([name, one]: [string, Json]) => [name, mapTexts(one, change)]))
}
