import { beforeAll, expect, test } from 'vitest'
import { csv, jsonl } from '../../src/sources/index.ts'
import { secret, sourceContract } from '../contracts/source.ts'
import { bytesOf } from '../support/page-body.ts'
import { startS3Server } from '../support/s3.ts'
import type { TestS3 } from '../support/s3.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { collect, sourceErrorOf } from './failure.ts'

let store: TestS3
beforeAll(async () => {
  store = await startS3Server()
})

const put = (key: string, body: string | Buffer) => store.client.send(new store.commands.PutObjectCommand({ Bucket: store.bucket, Key: key, Body: body }))
const settings = (url: string) => ({ endpoint: url, credentials: { accessKeyId: 'test', secretAccessKey: secret } })

sourceContract('csv on S3', {
  serve: async (records, fault) => {
    const body = Buffer.from(`id,text\n${records.map(({ id, text }) => `${id},"${text.replaceAll('"', '""')}"\n`).join('')}`)
    await put('a b/rows ü.csv', body)
    const proxy = await startTcpProxy(
      Number(new URL(store.url).port),
      fault === 'cut' || fault === 'stall' ? { fault, after: Math.floor(body.length / 2) } : {},
    )
    const s3 = settings(`http://127.0.0.1:${String(proxy.port)}`)
    const url = `s3://${store.bucket}/a b/rows ü.csv`
    return { read: (options) => csv({ url, s3, columns: ['id', 'text'], pageBytes: 2000, ...options }), open: proxy.open, sent: proxy.sent }
  },
  faults: ['cut', 'stall'],
  resumable: true,
  // The server of the tests takes no object that large.
  measured: false,
})

test('the objects that a pattern names are read in the order of their keys', async () => {
  for (const key of ['2026/b.jsonl', '2026/a.jsonl', '2026/a.txt', '2026/sub/c.jsonl', '2025/z.jsonl']) await put(key, `{"key":"${key}"}\n`)
  const read = async (pattern: string) =>
    (await collect(jsonl({ files: `s3://${store.bucket}/${pattern}`, s3: settings(store.url) }))).map((page) => bytesOf(page.body).toString())
  expect(await read('2026/*.jsonl')).toEqual(['{"key":"2026/a.jsonl"}\n', '{"key":"2026/b.jsonl"}\n'])
  expect(await read('202?/**/*.jsonl')).toHaveLength(4)
  expect(await sourceErrorOf(read('2027/*'))).toMatchObject({ code: 'SOURCE_NO_FILES' })
})

test('what is not there is named, and an object that has changed is read afresh', async () => {
  const s3 = settings(store.url)
  const url = `s3://${store.bucket}/changing.jsonl`
  expect(await sourceErrorOf(collect(jsonl({ url, s3 })))).toMatchObject({ code: 'SOURCE_NOT_FOUND', retryable: false, message: expect.stringContaining(url) })
  expect(await sourceErrorOf(collect(jsonl({ url: 's3://no-such-bucket/x', s3 })))).toMatchObject({ code: 'SOURCE_NOT_FOUND' })
  await put('changing.jsonl', '1\n2\n3\n')
  const [page] = await collect(jsonl({ url, s3, pageBytes: 1 }))
  await put('changing.jsonl', '1\n2\n4\n')
  expect(await sourceErrorOf(collect(jsonl({ url, s3, position: page?.position })))).toMatchObject({ code: 'SOURCE_CHANGED' })
  await put('changing.jsonl', '1')
  expect(await sourceErrorOf(collect(jsonl({ url, s3, position: page?.position })))).toMatchObject({ code: 'SOURCE_CHANGED' })
})

test('a store that nobody answers for may answer later', async () => {
  const { port } = await startTcpProxy(1)
  const s3 = settings(`http://127.0.0.1:${String(port)}`)
  expect(await sourceErrorOf(collect(jsonl({ url: 's3://bucket/x', s3 })))).toMatchObject({ code: 'SOURCE_S3', retryable: true })
})
