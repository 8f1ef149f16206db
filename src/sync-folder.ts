import { open } from 'node:fs/promises'

/** Flushes a folder, so that a name in it is there after a power failure, too. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
