import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { gather, referenceOf } from './reference.ts'
import type { Spool, SpoolEntry } from './spool.ts'
import { SpoolLostError } from './spool-lost-error.ts'
import { SpoolUnavailableError } from './spool-unavailable-error.ts'

export interface RedisSpoolOptions {
  readonly url: string
  /** What its keys begin with, so that several installations can share one Redis. */
  readonly prefix: string
}

/** 512 KiB: Redis does one thing at a time, and a piece of this size keeps it busy for less than a millisecond. */
const pieceBytes = 512 * 1024
/** Pieces on their way at once. */
const inFlight = 4

/**
 * A spool in Redis. A name is a hash of pieces with the time of its writing; `index:<folder>` is the set of the names in a folder, so that
 * removing looks at no other key. What Redis is not set to keep, a restart of it takes: it is made again then.
 */
export function createRedisSpool({ url, prefix }: RedisSpoolOptions): Spool {
  const place = `redis://${new URL(url).host}`
  const base = `${prefix}:spool:`
  const fileKey = (name: string): string => `${base}file:${name}`
  const indexKey = (name: string): string => `${base}index:${name.split('/')[0] ?? ''}`
  let id: string | undefined
  let connectionError: unknown
  const redis = new Redis(url, {
    connectTimeout: 5000,
    commandTimeout: 10_000,
    maxRetriesPerRequest: 1,
    retryStrategy: (times) => Math.min(times * 100, 1000),
  })
  redis.on('error', (error) => {
    connectionError = error
  })
  redis.on('ready', () => {
    connectionError = undefined
  })
  /** Whatever Redis or the way to it says becomes one of our two errors. */
  const asking = async <T>(ask: () => Promise<T>): Promise<T> => {
    try {
      return await ask()
    } catch (error) {
      if (error instanceof SpoolLostError || error instanceof SpoolUnavailableError) throw error
      throw isOutOfMemory(error) ? spoolFull(place, error) : spoolFailed(place, connectionError ?? error)
    }
  }
  const freeBytes = async (): Promise<number> => {
    const info = await redis.info('memory')
    const read = (field: string): number => Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(info)?.[1] ?? 0)
    const limit = read('maxmemory')
    return limit === 0 ? Infinity : limit - read('used_memory')
  }
  const forget = async (names: readonly string[]): Promise<void> => {
    for (let at = 0; at < names.length; at += 500) {
      const some = names.slice(at, at + 500)
      // All are of one folder.
      await Promise.all([redis.unlink(...some.map(fileKey)), redis.srem(indexKey(some[0] ?? ''), ...some)])
    }
  }
  const writePieces = async (name: string, chunks: readonly Uint8Array[]): Promise<void> => {
    const temporary = `${name}.writing-${randomUUID()}`
    const key = fileKey(temporary)
    try {
      // In the index first: nothing ever lies where no clean-up looks.
      await redis.sadd(indexKey(name), temporary, name)
      // A Redis that was emptied gets its id back, before a worker that starts meanwhile makes another.
      if (id !== undefined) await redis.setnx(`${base}id`, id)
      await redis.hset(key, 'at', await nowOf(redis))
      const pieces = piecesOf(chunks)
      for (let at = 0; at < pieces.length; at += inFlight) {
        await Promise.all(pieces.slice(at, at + inFlight).map((piece, index) => redis.hset(key, String(at + index), piece)))
      }
      const done = await redis.multi().rename(key, fileKey(name)).srem(indexKey(name), temporary).exec()
      const failed = done?.find(([error]) => error !== null)?.[0]
      if (failed !== undefined && failed !== null) throw failed
    } catch (error) {
      // What a full Redis took of it would keep it full.
      await forget([temporary]).catch(() => undefined)
      throw error
    }
  }
  return {
    id: () =>
      asking(async () => {
        await redis.setnx(`${base}id`, randomUUID())
        id = (await redis.get(`${base}id`)) ?? ''
        return id
      }),
    write: (name, chunks, { leave = 0 }) =>
      asking(async () => {
        const reference = referenceOf(name, chunks)
        if (leave > 0 && (await freeBytes()) < reference.bytes + leave) throw spoolFull(place)
        await writePieces(name, chunks)
        // After the write as well: of several that found room at once, all see what is left now.
        if (leave === 0 || (await freeBytes()) >= leave) return reference
        await forget([name])
        throw spoolFull(place)
      }),
    read: (reference, into) =>
      asking(async () => {
        const key = fileKey(reference.name)
        const pieces = (await redis.hlen(key)) - 1
        if (pieces < 0) throw new SpoolLostError(reference.name, 'is gone')
        const gathering = gather(reference, into)
        for (let at = 0; at < pieces; at += inFlight) {
          const fields = Array.from({ length: Math.min(inFlight, pieces - at) }, (_, index) => String(at + index))
          for (const piece of await Promise.all(fields.map((field) => redis.hgetBuffer(key, field)))) gathering.add(piece ?? Buffer.alloc(0))
        }
        return gathering.whole()
      }),
    remove: (path) =>
      asking(async () => {
        const names = path.endsWith('/') ? (await redis.smembers(indexKey(path))).filter((name) => name.startsWith(path)) : [path]
        await forget(names)
      }),
    async *list() {
      const now = await asking(() => nowOf(redis))
      for (let cursor = '0', first = true; first || cursor !== '0'; first = false) {
        const [next, indexes] = await asking(() => redis.scan(cursor, 'MATCH', `${base}index:*`, 'COUNT', 500))
        cursor = next
        for (const index of indexes) yield* await asking(() => entriesOf(redis, index, fileKey, now))
      }
    },
    async close() {
      redis.disconnect()
    },
  }
}

/** What an index names. One that has no bytes yet, or none any more, is as young as can be. */
async function entriesOf(redis: Redis, index: string, fileKey: (name: string) => string, now: number): Promise<SpoolEntry[]> {
  const names = await redis.smembers(index)
  return Promise.all(names.map(async (name) => ({ name, ageMs: now - Number((await redis.hget(fileKey(name), 'at')) ?? now) })))
}

async function nowOf(redis: Redis): Promise<number> {
  const [seconds = 0, microseconds = 0] = (await redis.time()).map(Number)
  return seconds * 1000 + Math.floor(microseconds / 1000)
}

function piecesOf(chunks: readonly Uint8Array[]): Buffer[] {
  return chunks.flatMap((chunk) => {
    const whole = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    return Array.from({ length: Math.ceil(whole.length / pieceBytes) }, (_, index) => whole.subarray(index * pieceBytes, (index + 1) * pieceBytes))
  })
}

const isOutOfMemory = (error: unknown): boolean => error instanceof Error && /\bOOM\b|maxmemory/.test(error.message)

function spoolFull(place: string, cause?: unknown): SpoolUnavailableError {
  return new SpoolUnavailableError(`The memory of the spool at ${place} is full.`, {
    code: 'SPOOL_FULL',
    hint: 'Raise maxmemory of that Redis, or lower MILLRACE_WINDOW or MILLRACE_BATCH_BYTES.',
    cause,
  })
}

function spoolFailed(place: string, error: unknown): SpoolUnavailableError {
  return new SpoolUnavailableError(`The spool at ${place} cannot be used: ${error instanceof Error ? error.message : String(error)}`, {
    code: 'SPOOL_FAILED',
    hint: 'Start that Redis, or mend MILLRACE_SPOOL.',
    cause: error,
  })
}
