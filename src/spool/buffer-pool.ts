/**
 * Buffers of batch size, used again and again. Fresh ones of a few MiB each live just long enough to be promoted, and wait there for a
 * full collection: a worker that made one per batch held 600 to 900 MiB where it needed 30 (bench/main.ts, peak memory).
 */
export interface BufferPool {
  /** At least so many bytes, with whatever was in them before. */
  take(bytes: number): Buffer
  /** Gives one back. Only when nothing reads it any more: a socket that failed may still. */
  give(buffer: Buffer): void
}

const granularity = 1 << 20

/** @param keep how many buffers rest at most */
export function createBufferPool(keep: number): BufferPool {
  const idle: Buffer[] = []
  return {
    take(bytes) {
      const index = idle.findIndex((one) => one.length >= bytes)
      const [found] = index < 0 ? [] : idle.splice(index, 1)
      return found ?? Buffer.allocUnsafeSlow(Math.max(1, Math.ceil(bytes / granularity)) * granularity)
    },
    give(buffer) {
      idle.push(buffer)
      // The smallest goes first: batches of one installation are of one size, and the larger ones serve all.
      if (idle.length > keep) idle.splice(idle.indexOf(idle.reduce((least, one) => (one.length < least.length ? one : least))), 1)
    },
  }
}
