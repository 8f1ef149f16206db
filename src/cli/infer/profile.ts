import type { Candidate } from './candidates.ts'
import { candidatesOf } from './candidates.ts'

/** What was seen of one column. */
export interface Profile {
  /** As the source calls it. */
  readonly name: string
  /** Records that had a value, NULL included. */
  seen: number
  /** Of those, NULL, and in text the empty one. */
  nulls: number
  /** Words that often stand for NULL in text, and how often each came. They are told to no candidate but text. */
  readonly nullWords: Map<string, number>
  readonly candidates: readonly Candidate[]
  /** How often each value came, up to `mostDistinct` of them. */
  readonly counts: Map<string, number>
  /** Every value, while none came twice. */
  unique: Set<string> | undefined
  /** Of arrays: what their elements are. */
  elements: Profile | undefined
}

/** How values come: CSV has text alone, JSON and Parquet have types. */
export type ValueKind = 'text' | 'values'

const mostDistinct = 1000
/** More than that are not held to find out whether all differ. */
const mostUnique = 2_000_000

const nullWords = new Set(['null', 'NULL', 'Null', 'NA', 'N/A', 'n/a', '#N/A', '\\N', 'None', 'NaN', 'nan', '-'])

export function createProfile(name: string, kind: ValueKind): Profile {
  return { name, seen: 0, nulls: 0, nullWords: new Map(), candidates: candidatesOf(kind), counts: new Map(), unique: new Set(), elements: undefined }
}

/** Takes one value; `row` counts from 1. */
export function observe(profile: Profile, kind: ValueKind, value: unknown, row: number): void {
  profile.seen += 1
  if (value === null || (kind === 'text' && typeof value === 'string' && value.trim() === '')) {
    profile.nulls += 1
    profile.unique = undefined
    return
  }
  const word = kind === 'text' && typeof value === 'string' && nullWords.has(value.trim()) ? value.trim() : undefined
  if (word !== undefined) profile.nullWords.set(word, (profile.nullWords.get(word) ?? 0) + 1)
  for (const candidate of profile.candidates) {
    if (candidate.misses > mostMisses || (word !== undefined && candidate.kind !== 'text')) continue
    if (candidate.take(value)) continue
    candidate.misses += 1
    candidate.firstMiss ??= row
  }
  if (Array.isArray(value)) observeElements(profile, kind, value, row)
  count(profile, value)
}

/** After so many misses a type is out; up to so many are worth a word. */
const mostMisses = 5

function observeElements(profile: Profile, kind: ValueKind, values: readonly unknown[], row: number): void {
  profile.elements ??= createProfile(profile.name, kind)
  for (const value of values) observe(profile.elements, kind, value, row)
}

function count(profile: Profile, value: unknown): void {
  if (profile.unique === undefined && profile.counts.size >= mostDistinct) return
  const text =
    typeof value === 'string'
      ? value
      : typeof value === 'object'
        ? undefined
        : JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? one.toString() : one))
  if (text === undefined) {
    profile.unique = undefined
    return
  }
  const before = profile.counts.get(text)
  if (before !== undefined || profile.counts.size < mostDistinct) profile.counts.set(text, (before ?? 0) + 1)
  const { unique } = profile
  if (unique === undefined) return
  if (unique.has(text) || unique.size >= mostUnique) profile.unique = undefined
  else unique.add(text)
}

/** How many different values there were; undefined beyond what is counted. */
export function distinctOf({ counts, unique }: Profile): number | undefined {
  return unique?.size ?? (counts.size < mostDistinct ? counts.size : undefined)
}
