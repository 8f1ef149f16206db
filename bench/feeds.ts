import { benchRecord } from './record.ts'
import type { BenchRecord } from './record.ts'

/** What the source serves under one path. */
export interface Feed {
  readonly record: (n: number) => unknown
  /** After so many pages the same ones come again: as many rows as one likes, for the CPU of a few. */
  readonly period?: number
}

/** Every hundredth record is bad in the feeds that have bad ones. */
export const isBad = (n: number): boolean => n % 100 === 37

/** What is wrong with them by turns, by the column that must be named. */
const faults: readonly (readonly [column: string, spoilt: Readonly<Record<string, unknown>>])[] = [
  ['id', { id: 'device-17' }],
  ['created', { created: 'yesterday' }],
  ['bytes', { bytes: 'many' }],
  ['tags', { tags: 'tag:none' }],
  ['authorized', { authorized: undefined }],
]

const faultOf = (n: number): (typeof faults)[number] | undefined => (isBad(n) ? faults[Math.floor(n / 100) % faults.length] : undefined)

/** The column in which a record of the feed `faulty` does not fit; undefined where it does. */
export const faultyColumn = (n: number): string | undefined => faultOf(n)?.[0]

/** Of the feeds with a `wait`: text that only Postgres reads, as an interval. */
export const minutesOf = (n: number): number => n % 90

// New rows have numbers far from those that a table holds.
const firstNew = 1_000_000_000

/** The nth record of a merge: every other one is known, as every tenth row of a table of five times as many, and has changed; the others are new. */
export function changedRecord(n: number): BenchRecord {
  if (n % 2 === 1) return benchRecord(firstNew + n)
  const known = benchRecord(n * 5)
  return { ...known, authorized: !known.authorized, lastSeen: known.expires, bytes: known.bytes + 1 }
}

export const feeds: Readonly<Record<string, Feed>> = {
  devices: { record: benchRecord },
  repeated: { record: benchRecord, period: 500 },
  changes: { record: changedRecord },
  faulty: { record: (n) => ({ ...benchRecord(n), ...faultOf(n)?.[1] }) },
  waits: { record: (n) => ({ ...benchRecord(n), wait: `${String(minutesOf(n))} minutes` }) },
  'faulty-waits': { record: (n) => ({ ...benchRecord(n), wait: isBad(n) ? 'soon' : `${String(minutesOf(n))} minutes` }) },
}
