import * as z from 'zod'
import { asset } from '../../src/definitions/function-asset.ts'
import { jsonS3 } from '../../src/io/json-s3.ts'
import { startRelay } from '../support/relay.ts'
import { startEngine } from '../support/engine.ts'
import { startS3Server } from '../support/s3.ts'
import type { TestS3 } from '../support/s3.ts'
import { beforeAll, describe, expect, startHttpServer, test } from '../support/test.ts'
import { startIo, storesJson, testIoManager } from './conformance.ts'

let s3: TestS3
let prefixes = 0
beforeAll(async () => {
  s3 = await startS3Server()
})
const open = async () => ({ io: jsonS3({ bucket: s3.bucket, prefix: `values/${String((prefixes += 1))}` }), env: s3.env })

testIoManager('jsonS3', open, storesJson)

const context = { signal: new AbortController().signal }
const place = { asset: 'retail/revenue', partition: '2026-11-22' }

describe('jsonS3', () => {
  test('puts objects where a person looks for them, whatever slashes the prefix has', async () => {
    const io = await startIo({ io: jsonS3({ bucket: s3.bucket, prefix: '/kpis/' }), env: s3.env })
    expect(await io.store(place, { sum: '1.10' }, context)).toEqual({ uri: 's3://millrace-tests/kpis/retail/revenue/2026-11-22.json', bytes: 14 })
    const { Body, ContentType } = await s3.client.send(new s3.commands.GetObjectCommand({ Bucket: s3.bucket, Key: 'kpis/retail/revenue/2026-11-22.json' }))
    expect([await Body?.transformToString(), ContentType]).toEqual(['{"sum":"1.10"}', 'application/json'])
  })

  test('an object that somebody damaged is an error that names it', async () => {
    const { io: definition, env } = await open()
    const io = await startIo({ io: definition, env })
    const uri = z.string().parse((await io.store(place, 1, context))['uri'])
    const Key = uri.replace(`s3://${s3.bucket}/`, '')
    await s3.client.send(new s3.commands.PutObjectCommand({ Bucket: s3.bucket, Key, Body: '{"n":' }))
    await expect(io.load(place, context)).rejects.toMatchObject({ code: 'VALUE_UNREADABLE', message: expect.stringContaining(uri) as unknown })
  })

  test('a bucket that is not there is refused for good, and nothing is said to be missing', async () => {
    const io = await startIo({ io: jsonS3({ bucket: 'nobodys' }), env: s3.env })
    const refused = {
      code: 'STORE_REFUSED',
      retryable: false,
      message: expect.stringContaining('s3://nobodys') as unknown,
      hint: expect.stringContaining('bucket') as unknown,
    }
    await expect(io.store(place, 1, context)).rejects.toMatchObject(refused)
    await expect(io.load(place, context)).rejects.toMatchObject(refused)
  })

  test('a bucket is a name and no address', () => {
    expect(() => jsonS3({ bucket: 's3://millrace/values' })).toThrow(/give its name alone/)
  })

  test('a step stops waiting for a store that does not answer', async () => {
    const stopping = new AbortController()
    const silent = await startHttpServer(() => stopping.abort(new Error('stopped')))
    const io = await startIo({ io: jsonS3({ bucket: 'b', endpoint: silent.url }), env: s3.env })
    await expect(io.load(place, { signal: stopping.signal })).rejects.toThrow('stopped')
  })

  test('a step stops waiting for a store that answers half', async () => {
    const stopping = new AbortController()
    const half = await startHttpServer((_, response) => {
      response.writeHead(200, { 'content-length': '100' })
      response.write('{"n":')
      setTimeout(() => stopping.abort(new Error('stopped')), 50)
    })
    const io = await startIo({ io: jsonS3({ bucket: 'b', endpoint: half.url }), env: s3.env })
    await expect(io.load(place, { signal: stopping.signal })).rejects.toThrow('stopped')
  })

  test('while the store is away the step is tried again, then fails, and the value before stays', async () => {
    const engine = await startEngine({ backend: 'postgres' })
    const relay = await startRelay(Number(new URL(s3.url).port))
    const endpoint = `http://127.0.0.1:${String(relay.port)}`
    const io = jsonS3({ bucket: s3.bucket, prefix: 'away', endpoint })
    let value = 1
    const answer = asset({ key: 'away/answer', io, retry: { retries: 1, delayMs: 50 }, run: () => value })
    await engine.define([answer], { env: s3.env })
    await engine.succeed('away/answer')

    value = 2
    await relay.leave()
    const run = await engine.run('away/answer')
    expect(run.step).toMatchObject({
      status: 'failed',
      attempt: 2,
      error: { code: 'STORE_UNAVAILABLE', message: expect.stringContaining(`The store s3://${s3.bucket}`) as unknown },
    })
    expect(JSON.stringify(run)).not.toMatch(/secret-of-the-test|"test"/)

    await relay.comeBack()
    expect(await (await startIo({ io, env: s3.env })).load({ asset: 'away/answer', partition: undefined }, context)).toBe(1)
    await engine.succeed('away/answer')
    await engine.stop()
  })
})
