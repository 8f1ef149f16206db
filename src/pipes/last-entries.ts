/** The last entries of many, in a ring: to add one costs the same whatever came before. */
export interface LastEntries<Entry> {
  readonly add: (entry: Entry) => void
  /** How many were pushed out. */
  readonly lost: () => number
  /** Oldest first. */
  readonly entries: () => Entry[]
}

export function createLastEntries<Entry>(most: number): LastEntries<Entry> {
  const ring: Entry[] = []
  let added = 0
  return {
    add(entry) {
      ring[added % most] = entry
      added += 1
    },
    lost: () => Math.max(0, added - most),
    entries() {
      const oldest = added > most ? added % most : 0
      return [...ring.slice(oldest), ...ring.slice(0, oldest)]
    },
  }
}
