import { once } from 'node:events'

export interface StandardOutput {
  /** Resolves when there is room for more; false once nobody reads any longer (`… | head`). */
  write(text: string): Promise<boolean>
}

/** Standard output that waits for a slow reader instead of holding what it has not read, and takes one that leaves as the end. */
export function createStandardOutput(stream: NodeJS.WriteStream = process.stdout): StandardOutput {
  let gone = false
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    gone = true
    stream.emit('drain')
  })
  return {
    async write(text) {
      if (gone || text === '') return !gone
      if (!stream.write(text)) await once(stream, 'drain')
      return !gone
    },
  }
}
