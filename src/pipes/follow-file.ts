import { open } from 'node:fs/promises'

const chunkBytes = 64 * 1024

/** How often a file that grows is looked at, in milliseconds: soon enough for a person who reads along. */
const lookEveryMs = 100

export interface FollowedFile {
  /** Reads the rest and closes the file. Rejects where it could not be read. */
  readonly end: () => Promise<void>
}

/** Reads a file while another process appends to it. */
export async function followFile(path: string, take: (bytes: Buffer) => void): Promise<FollowedFile> {
  const file = await open(path, 'r')
  let position = 0
  let over = false
  let wake = (): void => undefined
  const readOn = async (): Promise<void> => {
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes, position)
      if (bytesRead === 0) return
      position += bytesRead
      take(buffer.subarray(0, bytesRead))
    }
  }
  const pause = (): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, lookEveryMs)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  const reading = (async () => {
    while (!over) {
      await readOn()
      if (!over) await pause()
    }
    await readOn()
  })()
  // Told of at the end; until then it must not count as unhandled.
  reading.catch(() => undefined)
  return {
    async end() {
      over = true
      wake()
      try {
        await reading
      } finally {
        await file.close()
      }
    },
  }
}
