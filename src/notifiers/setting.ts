import type { FromEnv } from '../definitions/destination.ts'
import { ConfigError } from '../errors.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** @throws ConfigError `NOTIFIER_SETTING_MISSING` where the variable is not set */
export function readSetting(env: Environment, { env: name }: FromEnv, what: string): string {
  const value = env[name]
  if (value !== undefined && value !== '') return value
  throw new ConfigError(`${what} is not set: the variable ${name} is missing.`, {
    code: 'NOTIFIER_SETTING_MISSING',
    hint: `Set ${name} for the workers, start them again, and have what waits tried again: \`millrace notifications retry\`.`,
  })
}

/** A variable's URL. Its value is in no error: it is a secret, or has one in it. @throws ConfigError as `readSetting`, and `NOTIFIER_SETTING_INVALID` */
export function readUrl(env: Environment, setting: FromEnv, what: string, protocols: readonly string[]): URL {
  const value = readSetting(env, setting, what)
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (url !== undefined && protocols.includes(url.protocol)) return url
  throw new ConfigError(`${what} is no URL that begins with ${protocols.map((one) => `${one}//`).join(' or ')}: see the variable ${setting.env}.`, {
    code: 'NOTIFIER_SETTING_INVALID',
    hint: 'Mend it, start the workers again, and have what waits tried again: `millrace notifications retry`.',
  })
}

/** Text of somebody else's in which a secret may stand, without it. Secrets of less than four characters would take the text apart. */
export function without(secrets: readonly string[], text: string): string {
  const forms = secrets.flatMap((one) => [one, decode(one)]).filter((one) => one.length > 3)
  return forms.toSorted((a, b) => b.length - a.length).reduce((rest, one) => rest.replaceAll(one, '[redacted]'), text)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
