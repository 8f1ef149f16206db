import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { beforeAll, describe } from 'vitest'
import { createRedisSpool } from '../../src/spool/redis-spool.ts'
import type { Spool } from '../../src/spool/spool.ts'
import { entriesOf, spoolContract } from '../contracts/spool.ts'
import { failureOf } from '../sources/failure.ts'
import { atFileEnd, backends, expect, startRedisServer, temporaryFolder, test } from '../support/test.ts'
import type { RedisServer } from '../support/test.ts'

describe.runIf(backends.includes('redis'))('in Redis', () => {
  let server: RedisServer
  let redis: Redis
  const prefixes = new WeakMap<Spool, string>()
  const fileKey = (spool: Spool, name: string): string => `${prefixes.get(spool) ?? ''}:spool:file:${name}`
  const open = (prefix: string, url = server.url): Spool => {
    const spool = createRedisSpool({ url, prefix })
    prefixes.set(spool, prefix)
    atFileEnd(() => spool.close())
    return spool
  }

  beforeAll(async () => {
    server = await startRedisServer(await temporaryFolder())
    atFileEnd(() => server.stop())
    redis = new Redis(server.url)
    redis.on('error', () => undefined)
    atFileEnd(async () => redis.disconnect())
  })

  spoolContract('Redis', {
    create: async () => open(randomUUID()),
    reopen: (spool) => open(prefixes.get(spool) ?? ''),
    async lose(spool, { name }) {
      await redis.del(fileKey(spool, name))
    },
    async damage(spool, { name }, change) {
      const key = fileKey(spool, name)
      await redis.hset(key, '0', change((await redis.hgetBuffer(key, '0')) ?? Buffer.alloc(0)))
    },
    async breakOff(spool, name) {
      const prefix = prefixes.get(spool) ?? ''
      await redis.sadd(`${prefix}:spool:index:${name.split('/')[0] ?? ''}`, `${name}.writing-1`)
      const [seconds = 0] = (await redis.time()).map(Number)
      await redis.hset(`${prefix}:spool:file:${name}.writing-1`, 'at', seconds * 1000, '0', 'half')
    },
  })

  test('no piece is so large that Redis is busy with it for long', async () => {
    const spool = open('pieces')
    await spool.write('step/1/a.raw', [Buffer.alloc(3_000_000)], { durable: true })
    const pieces = await redis.hgetall('pieces:spool:file:step/1/a.raw')
    expect(Math.max(...Object.values(pieces).map((one) => one.length))).toBeLessThanOrEqual(512 * 1024)
    expect(Object.keys(pieces)).toHaveLength(6 + 1)
  })

  test('nothing of it is left in Redis when all of it was removed, but its id', async () => {
    const spool = open('tidy')
    await spool.id()
    for (const name of ['a/1/x', 'a/1/y', 'b/1/z']) await spool.write(name, [Buffer.from('x')], { durable: true })
    await spool.remove('a/')
    await spool.remove('b/1/z')
    expect(await redis.keys('tidy:*')).toEqual(['tidy:spool:id'])
  })

  test('a spool whose Redis was emptied keeps its id', async () => {
    const spool = open('emptied')
    const id = await spool.id()
    await redis.del('emptied:spool:id')
    await spool.write('step/1/a', [Buffer.from('x')], { durable: true })
    expect(await open('emptied').id()).toBe(id)
  })

  test('memory that is full is named, leaves what was there readable, and passes when there is room again', async () => {
    const spool = open('full')
    const first = await spool.write('step/1/small', [Buffer.alloc(1000, 'a')], { durable: true })
    const used = Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1])
    const full = { code: 'SPOOL_FULL', retryable: true, message: expect.stringContaining('is full'), hint: expect.stringContaining('maxmemory') }
    const large = [Buffer.alloc(8_000_000, 'b')]
    try {
      await redis.config('SET', 'maxmemory', String(used + 3_000_000))
      expect(await failureOf(spool.write('step/1/large', large, { durable: true }))).toMatchObject(full)
      expect((await spool.read(first)).length).toBe(1000)
      expect((await entriesOf(spool)).map((one) => one.name)).toContain('step/1/small')
      expect(await redis.keys('full:spool:file:*')).toEqual(['full:spool:file:step/1/small'])
      // What must stay free counts as taken.
      expect(await failureOf(spool.write('step/1/b', [Buffer.alloc(1000)], { durable: true, leave: 4_000_000 }))).toMatchObject(full)
      expect((await spool.write('step/1/c', [Buffer.alloc(1000)], { durable: true, leave: 1_000_000 })).bytes).toBe(1000)
    } finally {
      await redis.config('SET', 'maxmemory', '0')
    }
    expect((await spool.write('step/1/large', large, { durable: true, leave: 100_000_000 })).bytes).toBe(8_000_000)
  })

  test('a Redis that does not answer is named without its password, and is no lost batch', async () => {
    const away = await startRedisServer(await temporaryFolder())
    const spool = open('away', away.url.replace('//', '//:hush@'))
    await spool.id()
    await away.stop()
    for (const ask of [() => spool.read({ name: 'step/1/a', bytes: 1, crc: 0 }), () => spool.write('step/1/a', [Buffer.from('x')], { durable: true })]) {
      const error = await failureOf(ask())
      expect(error).toMatchObject({ code: 'SPOOL_FAILED', retryable: true, message: expect.stringContaining(`redis://127.0.0.1:${String(away.port)}`) })
      expect(JSON.stringify([error, String(error)])).not.toContain('hush')
    }
    const again = await startRedisServer(await temporaryFolder(), away.port)
    atFileEnd(() => again.stop())
    const healthy = open('away', again.url)
    expect((await healthy.write('step/1/a', [Buffer.from('x')], { durable: true })).bytes).toBe(1)
  })
})
