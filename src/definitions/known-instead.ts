import { nearestOf } from './nearest.ts'

/** As many names as are told whole. */
const mostTold = 5
const mostNear = 3

export interface KnownInsteadOptions {
  /** Of what they are names, in the plural: `assets`. */
  readonly what: string
  /** What lists them all: `millrace assets list`. */
  readonly list: string
}

/** What to say to somebody who gave a name that there is not: a few names whole, of many those that are like it, and how to see them all. */
export function knownInstead(given: string, known: readonly string[], { what, list }: KnownInsteadOptions): string {
  const names = [...new Set(known)]
  if (names.length === 0) return `There are no ${what}.`
  if (names.length <= mostTold) return `The ${what} are: ${names.join(', ')}.`
  const near = nearestOf(given, names).slice(0, mostNear)
  const all = `\`${list}\` shows all ${String(names.length)} ${what}.`
  return near.length === 0 ? all : `Did you mean ${orList(near)}? ${all}`
}

export const orList = (names: readonly string[]): string => (names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} or ${names.at(-1) ?? ''}`)
