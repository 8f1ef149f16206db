import { randomUUID } from 'node:crypto'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { IoManager, ValuePlace } from '../definitions/io-manager.ts'
import { resource } from '../definitions/resource.ts'
import type { ResourceDefinition } from '../definitions/resource.ts'
import { DataError } from '../errors.ts'
import { fileNameOf } from './file-name.ts'
import { jsonText } from './json-text.ts'

export interface JsonFilesOptions {
  /** The folder below which the files are: `<folder>/<asset>/value.json`, of a partition `<folder>/<asset>/<partition>.json`. All workers must see it. */
  readonly folder: string
}

/**
 * Stores values as JSON files. A file is written beside its place and moved there, so that nobody reads half of one.
 * Throws DataError `VALUE_NOT_JSON` for a value that JSON cannot hold, `VALUE_MISSING` where there is none, `VALUE_UNREADABLE` where somebody else changed the file.
 */
export function jsonFiles({ folder }: JsonFilesOptions): ResourceDefinition<IoManager> {
  const pathOf = ({ asset, partition }: ValuePlace): string => join(folder, asset, `${fileNameOf(partition)}.json`)
  return resource({
    start: () => ({
      async store(place, value, { signal }) {
        signal.throwIfAborted()
        const text = jsonText(place, value)
        const path = pathOf(place)
        await mkdir(dirname(path), { recursive: true })
        const beside = `${path}.${randomUUID()}`
        try {
          const file = await open(beside, 'wx')
          try {
            await file.writeFile(text)
            await file.sync()
          } finally {
            await file.close()
          }
          signal.throwIfAborted()
          await rename(beside, path)
        } catch (error) {
          await rm(beside, { force: true })
          throw error
        }
        await syncFolder(dirname(path))
        return { path, bytes: Buffer.byteLength(text) }
      },
      async load(place, { signal }) {
        const path = pathOf(place)
        const text = await readFile(path, { encoding: 'utf8', signal }).catch((error: unknown) => {
          if (error instanceof Error && 'code' in error && error.code === 'ENOENT') throw valueMissing(place, path)
          throw error
        })
        try {
          return JSON.parse(text) as unknown
        } catch (error) {
          throw new DataError(`${path} is not JSON.`, {
            code: 'VALUE_UNREADABLE',
            cause: error,
            hint: `Materialize ${place.asset} again, or put the file right.`,
          })
        }
      },
      remove: (place) => rm(pathOf(place), { force: true }),
    }),
  })
}

/** So that the name is there after a power failure, too. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function valueMissing({ asset, partition }: ValuePlace, path: string): DataError {
  const what = partition === undefined ? asset : `the partition ${partition} of ${asset}`
  return new DataError(`There is no stored value of ${what}: ${path} is not there.`, {
    code: 'VALUE_MISSING',
    hint: `Materialize ${what} first, and see that all workers see the same folder.`,
  })
}
