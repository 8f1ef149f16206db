import { Redis } from 'ioredis'
import { reasonOf } from '../with-client.ts'
import { fault, ok, warning } from './finding.ts'
import type { Finding } from './finding.ts'

/** Whether Redis answers, and keeps what it is given. */
export async function examineRedis(url: string): Promise<Finding[]> {
  const redis = new Redis(url, { lazyConnect: true, connectTimeout: 5000, commandTimeout: 5000, maxRetriesPerRequest: 0, retryStrategy: () => null })
  let connectionError: unknown
  redis.on('error', (error) => {
    connectionError = error
  })
  const { host } = new URL(url)
  try {
    await redis.connect()
    const version = /redis_version:(\S+)/.exec(await redis.info('server'))?.[1] ?? ''
    return [ok('queues', `Redis ${version} at ${host}`), ...(await settings(redis))]
  } catch (error) {
    return [
      fault(
        'queues',
        `Redis at ${host} does not answer: ${reasonOf(connectionError ?? error)}`,
        'Start it, or mend REDIS_URL; without REDIS_URL the queues live in Postgres.',
      ),
    ]
  } finally {
    redis.disconnect()
  }
}

async function settings(redis: Redis): Promise<Finding[]> {
  try {
    const read = async (name: string): Promise<string | undefined> => {
      const answer: unknown = await redis.config('GET', name)
      return Array.isArray(answer) ? String(answer[1] ?? '') : undefined
    }
    const policy = await read('maxmemory-policy')
    const append = await read('appendonly')
    return [
      policy === 'noeviction'
        ? ok('redis memory', 'maxmemory-policy is noeviction')
        : fault(
            'redis memory',
            `maxmemory-policy is ${policy ?? 'unknown'}: Redis may throw jobs away`,
            'CONFIG SET maxmemory-policy noeviction, and in redis.conf.',
          ),
      append === 'yes'
        ? ok('redis persistence', 'appendonly is yes')
        : warning(
            'redis persistence',
            `appendonly is ${append ?? 'unknown'}: queued jobs are lost when Redis restarts, and found again by the sweep`,
            'CONFIG SET appendonly yes, and in redis.conf.',
          ),
    ]
  } catch (error) {
    return [warning('redis settings', `they cannot be read: ${reasonOf(error)}`, 'See to it that maxmemory-policy is noeviction and appendonly yes.')]
  }
}
