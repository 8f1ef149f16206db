import { randomUUID } from 'node:crypto'
import { beforeAll } from 'vitest'
import { createS3Spool } from '../../src/spool/s3-spool.ts'
import type { Spool } from '../../src/spool/spool.ts'
import { entriesOf, spoolContract } from '../contracts/spool.ts'
import { failureOf } from '../sources/failure.ts'
import { startS3Server } from '../support/s3.ts'
import type { TestS3 } from '../support/s3.ts'
import { atFileEnd, expect, startHttpServer, test } from '../support/test.ts'

let server: TestS3
const prefixes = new WeakMap<Spool, string>()
const place = (spool: Spool, name: string) => ({ Bucket: server.bucket, Key: `${prefixes.get(spool) ?? ''}/${name}` })
const open = (prefix: string): Spool => {
  const spool = createS3Spool({ bucket: server.bucket, prefix, env: server.env })
  prefixes.set(spool, prefix)
  atFileEnd(() => spool.close())
  return spool
}

beforeAll(async () => {
  server = await startS3Server()
})

spoolContract('S3', {
  create: async () => open(randomUUID()),
  reopen: (spool) => open(prefixes.get(spool) ?? ''),
  async lose(spool, { name }) {
    await server.client.send(new server.commands.DeleteObjectCommand(place(spool, name)))
  },
  async damage(spool, { name }, change) {
    const { Body } = await server.client.send(new server.commands.GetObjectCommand(place(spool, name)))
    const bytes = Buffer.from((await Body?.transformToByteArray()) ?? [])
    await server.client.send(new server.commands.PutObjectCommand({ ...place(spool, name), Body: change(bytes) }))
  },
})

test('a bucket that is not there, a store that does not answer or refuses, is named, and is no lost batch', async () => {
  const reference = { name: 'step/1/a', bytes: 1, crc: 0 }
  const nowhere = await startHttpServer(() => undefined)
  await nowhere.close()
  const refusing = await startHttpServer((_request, response) => {
    response.writeHead(403, { 'content-type': 'application/xml' }).end('<Error><Code>AccessDenied</Code><Message>not you</Message></Error>')
  })
  for (const [settings, said] of [
    [{ bucket: 'no-such-bucket' }, 'NoSuchBucket'],
    [{ bucket: 'b-1', endpoint: nowhere.url }, 'ECONNREFUSED'],
    [{ bucket: 'b-1', endpoint: refusing.url }, 'AccessDenied'],
  ] as const) {
    const spool = createS3Spool({ prefix: 'p', env: server.env, ...settings })
    for (const ask of [
      () => spool.id(),
      () => spool.read(reference),
      () => spool.write('step/1/a', [Buffer.from('x')], { durable: true }),
      () => entriesOf(spool),
    ]) {
      const error = await failureOf(ask())
      expect(error, said).toMatchObject({ code: 'SPOOL_FAILED', retryable: true, hint: expect.any(String) })
      expect(String(error)).toContain(`s3://${settings.bucket}/p cannot be used`)
      expect(String(error)).toContain(said)
      expect(JSON.stringify([error, String(error)])).not.toContain('secret-of-the-test')
    }
    await spool.close()
  }
})

test('a store that is full says so', async () => {
  const full = await startHttpServer((_request, response) => {
    response.writeHead(507, { 'content-type': 'application/xml' }).end('<Error><Code>XMinioStorageFull</Code><Message>no room</Message></Error>')
  })
  const spool = createS3Spool({ bucket: 'b-1', prefix: '', env: server.env, endpoint: full.url })
  atFileEnd(() => spool.close())
  expect(await failureOf(spool.write('step/1/a', [Buffer.from('x')], { durable: true }))).toMatchObject({
    code: 'SPOOL_FULL',
    message: 'The store of the spool s3://b-1 is full.',
  })
})

test('removes and lists more than fit into one answer', async () => {
  const spool = open('pages')
  const names = Array.from({ length: 1050 }, (_, index) => `step/1/${String(index)}`)
  for (let at = 0; at < names.length; at += 100) {
    const some = names.slice(at, at + 100)
    await Promise.all(some.map((name) => server.client.send(new server.commands.PutObjectCommand({ ...place(spool, name), Body: 'x' }))))
  }
  expect(await entriesOf(spool)).toHaveLength(names.length)
  await spool.remove('step/1/')
  expect(await entriesOf(spool)).toEqual([])
})
