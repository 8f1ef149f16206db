import type { IoManager, ValuePlace } from '../definitions/io-manager.ts'
import { resource } from '../definitions/resource.ts'
import type { ResourceDefinition } from '../definitions/resource.ts'
import { jsonText, readJson } from '../io/json-text.ts'
import { valueMissing } from '../io/value-missing.ts'

/** A value that is stored in memory. */
export interface StoredValue extends ValuePlace {
  readonly value: unknown
}

export interface MemoryIo extends ResourceDefinition<IoManager> {
  /** All that is stored, in the order in which it was first stored. */
  readonly stored: () => readonly StoredValue[]
}

const where = 'The memory of the test'

/**
 * Stores values in the memory of this process, as JSON: what the other I/O managers refuse, it refuses too, and what is loaded is a copy.
 * Throws DataError `VALUE_NOT_JSON` for a value that JSON cannot hold, and `VALUE_MISSING` where there is none.
 */
export function memoryIo(): MemoryIo {
  const texts = new Map<string, string>()
  const keyOf = ({ asset, partition }: ValuePlace): string => JSON.stringify([asset, partition ?? null])
  const definition = resource<IoManager>({
    start: () => ({
      // Asynchronous, so that what is thrown is a rejection, as of every other manager.
      store: async (place, value, { signal }) => {
        signal.throwIfAborted()
        const text = jsonText(place, value)
        texts.set(keyOf(place), text)
        return { place: place.partition === undefined ? place.asset : `${place.asset} ${place.partition}`, bytes: Buffer.byteLength(text) }
      },
      load: async (place) => {
        const text = texts.get(keyOf(place))
        if (text === undefined) throw valueMissing(place, 'nothing of it was stored in memory', 'in a test, hand its value in')
        return readJson(place, text, where)
      },
      remove: async (place) => void texts.delete(keyOf(place)),
    }),
  })
  return {
    ...definition,
    stored: () =>
      [...texts].map(([key, text]) => {
        const [asset, partition] = JSON.parse(key) as [string, string | null]
        const place = { asset, partition: partition ?? undefined }
        return { ...place, value: readJson(place, text, where) }
      }),
  }
}
