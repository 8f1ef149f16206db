/**
 * Where the windows of time partitions begin and end: an endless row of boundaries, in milliseconds since 1970 UTC. A window reaches from one (in) to the next (out),
 * and its partition key is what `format` says of the first.
 */
export interface Cadence {
  /** The last boundary that is not after a time. */
  readonly atOrBefore: (utc: number) => number
  /** The first boundary that is not before a time. */
  readonly atOrAfter: (utc: number) => number
  /** The boundary so many (or, below 0, so many before) after one. */
  readonly step: (boundary: number, count: number) => number
  /** How many windows there are from a boundary to another one. */
  readonly between: (from: number, to: number) => number
  readonly format: (boundary: number) => string
  /** The boundary that a key names; undefined where there is none. */
  readonly parse: (key: string) => number | undefined
}

/** `2026-11-22` */
export const dateOf = (local: number): string => new Date(local).toISOString().slice(0, 10)

/** `2026-11-22-05:30` */
export const minuteOf = (local: number): string => new Date(local).toISOString().slice(0, 16).replace('T', '-')
