import * as z from 'zod'

const Counts = z.record(z.string(), z.number())

/** What of a batch's or a load's rows its table did not take, by count. */
export const RowNotes = z.object({
  /** Fields that the definition does not have, and in how many rows each was. */
  unknownFields: Counts.optional(),
  /** Columns whose values were left out, as their contract says, and how many. */
  discardedValues: Counts.optional(),
})
export type RowNotes = z.infer<typeof RowNotes>

/** Field names come from a source: one that invents a name per record must not fill the catalogue. */
const mostNames = 100
const others = '(others)'

/** Counts names, as many as are worth showing. */
export function createCounter() {
  const counts = new Map<string, number>()
  return {
    add(name: string, by = 1): void {
      const cut = name.slice(0, 100).toWellFormed().replaceAll('\0', '\u2400')
      const key = counts.has(cut) || counts.size < mostNames ? cut : others
      counts.set(key, (counts.get(key) ?? 0) + by)
    },
    /** The counts so far, and begins anew; undefined where there are none. */
    take(): Record<string, number> | undefined {
      if (counts.size === 0) return undefined
      const taken = Object.fromEntries(counts)
      counts.clear()
      return taken
    },
  }
}

/** The notes of a load from those of its batches; undefined where there are none. */
export function sumNotes(all: readonly RowNotes[]): RowNotes | undefined {
  const [unknown, discarded] = [createCounter(), createCounter()]
  for (const { unknownFields, discardedValues } of all) {
    for (const [name, count] of Object.entries(unknownFields ?? {})) unknown.add(name, count)
    for (const [name, count] of Object.entries(discardedValues ?? {})) discarded.add(name, count)
  }
  const [unknownFields, discardedValues] = [unknown.take(), discarded.take()]
  if (unknownFields === undefined && discardedValues === undefined) return undefined
  return { ...(unknownFields === undefined ? {} : { unknownFields }), ...(discardedValues === undefined ? {} : { discardedValues }) }
}
