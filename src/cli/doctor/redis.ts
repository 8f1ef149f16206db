import { Redis } from 'ioredis'
import { reasonOf } from '../../postgres.ts'
import { fault, ok, warning } from './finding.ts'
import type { Finding } from './finding.ts'

/** What it is used for, and what of it is lost when Redis loses something. */
const uses = {
  queues: { lost: 'Redis may throw jobs away', restarted: 'queued jobs are lost when Redis restarts, and found again by the sweep' },
  spool: { lost: 'Redis may throw batches away', restarted: 'batches on their way are lost when Redis restarts, and extracted again' },
} as const

/** Whether Redis answers, and keeps what it is given. */
export async function examineRedis(url: string, use: keyof typeof uses = 'queues'): Promise<Finding[]> {
  const redis = new Redis(url, { lazyConnect: true, connectTimeout: 5000, commandTimeout: 5000, maxRetriesPerRequest: 0, retryStrategy: () => null })
  let connectionError: unknown
  redis.on('error', (error) => {
    connectionError = error
  })
  const { host } = new URL(url)
  try {
    await redis.connect()
    const version = /redis_version:(\S+)/.exec(await redis.info('server'))?.[1] ?? ''
    return [ok(use, `Redis ${version} at ${host}`), ...(await settings(redis, use))]
  } catch (error) {
    return [
      fault(
        use,
        `Redis at ${host} does not answer: ${reasonOf(connectionError ?? error)}`,
        use === 'spool' ? 'Start it, or mend MILLRACE_SPOOL.' : 'Start it, or mend REDIS_URL; without REDIS_URL the queues live in Postgres.',
      ),
    ]
  } finally {
    redis.disconnect()
  }
}

async function settings(redis: Redis, use: keyof typeof uses): Promise<Finding[]> {
  const about = use === 'spool' ? 'spool' : 'redis'
  try {
    const read = async (name: string): Promise<string | undefined> => {
      const answer: unknown = await redis.config('GET', name)
      return Array.isArray(answer) ? String(answer[1] ?? '') : undefined
    }
    const policy = await read('maxmemory-policy')
    const append = await read('appendonly')
    return [
      policy === 'noeviction'
        ? ok(`${about} memory`, 'maxmemory-policy is noeviction')
        : fault(
            `${about} memory`,
            `maxmemory-policy is ${policy ?? 'unknown'}: ${uses[use].lost}`,
            'CONFIG SET maxmemory-policy noeviction, and in redis.conf.',
          ),
      append === 'yes'
        ? ok(`${about} persistence`, 'appendonly is yes')
        : warning(`${about} persistence`, `appendonly is ${append ?? 'unknown'}: ${uses[use].restarted}`, 'CONFIG SET appendonly yes, and in redis.conf.'),
    ]
  } catch (error) {
    return [warning(`${about} settings`, `they cannot be read: ${reasonOf(error)}`, 'See to it that maxmemory-policy is noeviction and appendonly yes.')]
  }
}
