import { mkdtemp, chmod, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, inject } from 'vitest'
import { removeFolder } from './session.ts'

const cleanups: (() => Promise<unknown> | void)[] = []

/** Has something done when the test file is through, whatever came of it; the last one first. */
export function atFileEnd(cleanup: () => Promise<unknown> | void): void {
  cleanups.push(cleanup)
}

/** An empty folder, removed at the file's end together with database servers that were left running in it. */
export async function temporaryFolder(): Promise<string> {
  const folder = await realpath(await mkdtemp(join(inject('sessionFolder'), 'folder-')))
  await chmod(folder, 0o755)
  atFileEnd(() => removeFolder(folder))
  return folder
}

afterAll(async () => {
  const errors: unknown[] = []
  for (let cleanup = cleanups.pop(); cleanup !== undefined; cleanup = cleanups.pop()) {
    try {
      await cleanup()
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length > 0) throw new AggregateError(errors, 'Cleaning up after the file failed')
})
