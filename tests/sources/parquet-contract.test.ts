import { randomBytes } from 'node:crypto'
import { rm, truncate, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Json, JsonObject } from '../../src/definitions/json.ts'
import { parquet } from '../../src/sources/index.ts'
import type { ParquetOptions } from '../../src/sources/parquet.ts'
import { secret, sourceContract } from '../contracts/source.ts'
import type { ServedSource, SourceFault, SourceRecord } from '../contracts/source.ts'
import { startFileServer } from '../support/file-server.ts'
import { handlesOf } from '../support/open-handles.ts'
import { startS3Server } from '../support/s3.ts'
import type { TestS3 } from '../support/s3.ts'
import { startSftpServer } from '../support/sftp-server.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { beforeAll, expect, temporaryFolder, test } from '../support/test.ts'
import { collect, sourceErrorOf } from './failure.ts'
import { parquetFile } from './parquet-file.ts'

/** Row groups of 70 small records, or of one large one; with a column that nobody asks for, so that the file is more than the end that is fetched first. */
function fileOf(records: readonly SourceRecord[]): Buffer {
  return parquetFile({
    columnData: [
      { name: 'id', data: records.map(({ id }) => id), type: 'STRING' },
      { name: 'filler', data: records.map(() => randomBytes(1000)), type: 'BYTE_ARRAY' },
      { name: 'text', data: records.map(({ text }) => text), type: 'STRING' },
    ],
    rowGroupSize: records.length > 100 ? 70 : 1,
    codec: 'UNCOMPRESSED',
  })
}

const reader =
  (where: ParquetOptions): ServedSource['read'] =>
  (options: { signal?: AbortSignal; position?: Json }) =>
    parquet({ columns: ['id', 'text'], ...where, ...options })

/** Bytes until the middle of the rows: on S3 64 KiB of the file's end come first; over SFTP signing in, and the footer. */
const untilRows = { s3: 64 * 1024 + 8000, sftp: 11_000 }

const overHttp =
  (ranges: boolean) =>
  async (records: readonly SourceRecord[], fault?: SourceFault): Promise<ServedSource> => {
    const server = await startFileServer(fileOf(records), { ranges, ...(fault === undefined ? {} : { fault }) })
    const url = new URL(`${server.url}/rows.parquet?token=${secret}`)
    url.username = 'user'
    url.password = secret
    return { read: reader({ url }), open: server.open, sent: server.sent }
  }

sourceContract('parquet over HTTP', { serve: overHttp(true), faults: ['cut', 'stall', 'refuse'], resumable: true, measured: true })
sourceContract('parquet over HTTP without ranges', { serve: overHttp(false), faults: ['cut', 'stall', 'refuse'], resumable: true, measured: false })

sourceContract('parquet from disk', {
  serve: async (records) => {
    const path = join(await temporaryFolder(), 'rows.parquet')
    await writeFile(path, fileOf(records))
    return { read: reader({ path }), open: () => handlesOf(path) }
  },
  faults: [],
  resumable: true,
  measured: false,
})

sourceContract('parquet from several files', {
  serve: async (records) => {
    const folder = await temporaryFolder()
    const middle = records.length / 2
    await writeFile(join(folder, 'a.parquet'), fileOf(records.slice(0, middle)))
    await writeFile(join(folder, 'b.parquet'), fileOf([]))
    await writeFile(join(folder, 'c.parquet'), fileOf(records.slice(middle)))
    return {
      read: reader({ files: `${folder}/*.parquet` }),
      open: () => ['a', 'b', 'c'].reduce((sum, name) => sum + handlesOf(join(folder, `${name}.parquet`)), 0),
    }
  },
  faults: [],
  resumable: true,
  measured: false,
})

let store: TestS3
beforeAll(async () => {
  store = await startS3Server()
})

sourceContract('parquet on S3', {
  serve: async (records, fault) => {
    await store.client.send(new store.commands.PutObjectCommand({ Bucket: store.bucket, Key: 'a b/rows ü.parquet', Body: fileOf(records) }))
    const proxy = await startTcpProxy(Number(new URL(store.url).port), fault === 'cut' || fault === 'stall' ? { fault, after: untilRows.s3 } : {})
    const s3 = { endpoint: `http://127.0.0.1:${String(proxy.port)}`, credentials: { accessKeyId: 'test', secretAccessKey: secret } }
    return { read: reader({ url: `s3://${store.bucket}/a b/rows ü.parquet`, s3 }), open: proxy.open, sent: proxy.sent }
  },
  faults: ['cut', 'stall'],
  resumable: true,
  // The server of the tests takes no object that large.
  measured: false,
})

sourceContract('parquet over SFTP', {
  serve: async (records, fault) => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'rows.parquet'), fileOf(records))
    const server = await startSftpServer(folder, { name: 'shop', password: secret })
    const proxy = await startTcpProxy(server.port, fault === 'cut' || fault === 'stall' ? { fault, after: untilRows.sftp } : {})
    const password = fault === 'refuse' ? `${secret}-not` : secret
    return {
      read: reader({ url: `sftp://shop:${password}@127.0.0.1:${String(proxy.port)}/rows.parquet`, sftp: { hostKey: server.hostKey } }),
      open: proxy.open,
      sent: proxy.sent,
    }
  },
  faults: ['cut', 'stall', 'refuse'],
  resumable: true,
  measured: true,
})

const records = (count: number): SourceRecord[] => Array.from({ length: count }, (_, index) => ({ id: String(index), text: 'x' }))
const pagesOf = (where: ParquetOptions) => collect(reader(where)({}))

test('an object of S3 that changes between two row groups, or before it is gone on with, is read afresh', async () => {
  const s3 = { endpoint: store.url, credentials: { accessKeyId: 'test', secretAccessKey: secret } }
  const url = `s3://${store.bucket}/changing.parquet`
  const put = (body: Buffer) => store.client.send(new store.commands.PutObjectCommand({ Bucket: store.bucket, Key: 'changing.parquet', Body: body }))
  expect(await sourceErrorOf(pagesOf({ url, s3 }))).toMatchObject({ code: 'SOURCE_NOT_FOUND', retryable: false, message: expect.stringContaining(url) })
  const file = fileOf(records(300))
  await put(file)
  const pages = parquet({ url, s3, columns: ['id', 'filler'] })
  const first = await pages.next()
  const other = Buffer.from(file)
  other.fill(0, 100, 200)
  await put(other)
  expect(await sourceErrorOf(collect(pages))).toMatchObject({ code: 'SOURCE_CHANGED', retryable: true, message: expect.stringContaining(url) })
  const position = first.value === undefined ? undefined : first.value.position
  expect(await sourceErrorOf(pagesOf({ url, s3, position }))).toMatchObject({ code: 'SOURCE_CHANGED', retryable: true })
  await put(Buffer.alloc(0))
  expect(await sourceErrorOf(pagesOf({ url, s3 }))).toMatchObject({ code: 'PARQUET_TRUNCATED' })
})

test('a file of an SFTP server that is cut while it is read, or is another one when it is gone on with, is read afresh', async () => {
  const folder = await temporaryFolder()
  const path = join(folder, 'rows.parquet')
  const server = await startSftpServer(folder, { name: 'shop', password: secret })
  const where = { url: `sftp://shop@127.0.0.1:${String(server.port)}/rows.parquet`, sftp: { hostKey: server.hostKey, password: secret } }
  expect(await sourceErrorOf(pagesOf(where))).toMatchObject({ code: 'SOURCE_NOT_FOUND', retryable: false })
  await writeFile(path, fileOf(records(300)))
  const pages = parquet(where)
  const first = await pages.next()
  await truncate(path, 1000)
  expect(await sourceErrorOf(collect(pages))).toMatchObject({ code: 'SOURCE_CHANGED', retryable: true, message: expect.stringContaining('it ends at byte ') })
  const position = first.value === undefined ? undefined : first.value.position
  expect(await sourceErrorOf(pagesOf({ ...where, position }))).toMatchObject({ code: 'SOURCE_CHANGED', retryable: true })
  await writeFile(path, '')
  expect(await sourceErrorOf(pagesOf(where))).toMatchObject({ code: 'PARQUET_TRUNCATED' })
})

test('of several files each is read with its own columns’ types, tells its name, and is gone on with by it', async () => {
  const folder = await temporaryFolder()
  const write = (name: string, ids: number[]) =>
    writeFile(join(folder, name), parquetFile({ columnData: [{ name: 'id', data: ids, type: name.startsWith('a') ? 'INT32' : 'DOUBLE' }], rowGroupSize: 1 }))
  await write('a.parquet', [1, 2])
  await write('b.parquet', [3.5])
  const files = `${folder}/*.parquet`
  const pages = await collect(parquet({ files, extra: (file) => basename(file) }))
  expect(pages.map(({ extra }) => extra)).toEqual(['a.parquet', 'a.parquet', 'b.parquet'])
  const [first, second] = pages
  expect(await collect(parquet({ files, position: second?.position }))).toMatchObject([{ position: { file: join(folder, 'b.parquet'), rowGroup: 1 } }])
  // As a version recorded it that read one file only.
  const older = { ...(first?.position as JsonObject), file: null }
  expect(await collect(parquet({ path: join(folder, 'a.parquet'), position: older }))).toHaveLength(1)
  await rm(join(folder, 'a.parquet'))
  expect(await sourceErrorOf(collect(parquet({ files, position: first?.position })))).toMatchObject({ code: 'SOURCE_CHANGED' })
})
