import { randomUUID } from 'node:crypto'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { IoManager, ValuePlace } from '../definitions/io-manager.ts'
import { resource } from '../definitions/resource.ts'
import type { ResourceDefinition } from '../definitions/resource.ts'
import { syncFolder } from '../sync-folder.ts'
import { fileNameOf } from './file-name.ts'
import { jsonText, readJson } from './json-text.ts'
import { storeDown } from './store-error.ts'
import { valueMissing } from './value-missing.ts'

export interface JsonFilesOptions {
  /** The folder below which the files are: `<folder>/<asset>/value.json`, of a partition `<folder>/<asset>/<partition>.json`. All workers must see it. */
  readonly folder: string
}

/**
 * Stores values as JSON files. A file is written beside its place and moved there, so that nobody reads half of one.
 * Throws DataError `VALUE_NOT_JSON` for a value that JSON cannot hold, `VALUE_MISSING` where there is none, `VALUE_UNREADABLE` where somebody else changed the file;
 * MillraceError `STORE_UNAVAILABLE`, which is tried again, for what the file system says.
 */
export function jsonFiles({ folder }: JsonFilesOptions): ResourceDefinition<IoManager> {
  const pathOf = ({ asset, partition }: ValuePlace): string => join(folder, asset, `${fileNameOf(partition)}.json`)
  /** What the file system says is the store's word. */
  const asking = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw error instanceof Error && 'errno' in error ? storeDown(`The folder ${folder}`, error.message, error) : error
    }
  }
  return resource({
    start: () => ({
      store: (place, value, { signal }) =>
        asking(async () => {
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
        }),
      load: (place, { signal }) =>
        asking(async () => {
          const path = pathOf(place)
          const text = await readFile(path, { encoding: 'utf8', signal }).catch((error: unknown) => {
            if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
              throw valueMissing(place, `${path} is not there`, 'see that all workers see the same folder')
            throw error
          })
          return readJson(place, text, path)
        }),
      remove: (place) => asking(() => rm(pathOf(place), { force: true })),
    }),
  })
}
