import { InvalidArgumentError } from '@commander-js/extra-typings'
import * as z from 'zod'
import type { JsonObject } from '../definitions/json.ts'

/** Parses a count on the command line. */
export function wholeNumber(value: string): number {
  if (!/^\d{1,9}$/.test(value)) throw new InvalidArgumentError('It is no whole number.')
  return Number(value)
}

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

/** Parses a span of time (`90m`, `12h`, `30d`, `2w`) into seconds. */
export function span(value: string): number {
  const [, number = '', unit = ''] = /^(\d{1,6})([smhdw])$/.exec(value) ?? []
  const seconds = Number(number) * (unitSeconds[unit] ?? 0)
  if (seconds === 0) throw new InvalidArgumentError('It is no span of time, such as 12h, 30d or 2w.')
  return seconds
}

/** Parses a moment: `2026-03-29T02:00:00Z`. */
export function isoTime(value: string): Date {
  const parsed = z.iso.datetime({ offset: true }).safeParse(value)
  if (!parsed.success) throw new InvalidArgumentError('It is no moment, such as 2026-03-29T02:00:00Z.')
  return new Date(parsed.data)
}

/** Text without what would steer the terminal; lines and tabs stay. */
export function harmless(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, (one) => JSON.stringify(one).slice(1, -1))
}

/** Parses a run configuration. */
export function parseConfig(text: string): JsonObject {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new InvalidArgumentError(`It must be a JSON object: ${error instanceof Error ? error.message : ''}`)
  }
  const parsed = z.record(z.string(), z.json()).safeParse(value)
  if (!parsed.success) throw new InvalidArgumentError('It must be a JSON object, as {"url":"https://example.com"}.')
  return parsed.data
}

/** Parses one of several tags. */
export function parseTag(text: string, all: Record<string, string>): Record<string, string> {
  const [name = '', ...value] = text.split('=')
  if (name === '' || value.length === 0) throw new InvalidArgumentError('A tag is name=value.')
  return { ...all, [name]: value.join('=') }
}

/** Takes an option as often as it is given. */
export const collect = (text: string, all: readonly string[]): readonly string[] => [...all, text]

/** A run's priority. */
export function parsePriority(text: string): number {
  if (!/^-?\d{1,6}$/.test(text)) throw new InvalidArgumentError('It is no whole number.')
  return Number(text)
}
