import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { jsonl } from '../../src/sources/index.ts'
import { secret, sourceContract } from '../contracts/source.ts'
import { temporaryFolder } from '../support/cleanup.ts'
import { bytesOf } from '../support/page-body.ts'
import { startSftpServer } from '../support/sftp-server.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { collect, failureOf, sourceErrorOf } from './failure.ts'

const user = { name: 'shop', password: secret }

sourceContract('jsonl over SFTP', {
  serve: async (records, fault) => {
    const folder = await temporaryFolder()
    const text = records.map((record) => `${JSON.stringify(record)}\n`).join('')
    await writeFile(join(folder, 'rows.jsonl'), text)
    const server = await startSftpServer(folder, user)
    // Signing in takes some 3 KiB.
    const proxy = await startTcpProxy(server.port, fault === 'cut' || fault === 'stall' ? { fault, after: text.length / 2 + 3000 } : {})
    const password = fault === 'refuse' ? `${secret}-not` : secret
    const url = `sftp://shop:${password}@127.0.0.1:${String(proxy.port)}/rows.jsonl`
    const sftp = { hostKey: server.hostKey }
    return { read: (options) => jsonl({ url, sftp, pageBytes: 5000, ...options }), open: proxy.open, sent: proxy.sent }
  },
  faults: ['cut', 'stall', 'refuse'],
  resumable: true,
  measured: false,
})

test('the files that a pattern names are read in the order of their names', async () => {
  const folder = await temporaryFolder()
  for (const name of ['b.jsonl', 'a%2 ü.jsonl', 'c.txt']) await writeFile(join(folder, name), `"${name}"\n`)
  const server = await startSftpServer(folder, user)
  const address = `sftp://shop@127.0.0.1:${String(server.port)}`
  const sftp = { hostKey: server.hostKey, password: secret }
  const read = async (files: string) => (await collect(jsonl({ files, sftp }))).map((page) => bytesOf(page.body).toString())
  expect(await read(`${address}/*.jsonl`)).toEqual(['"a%2 ü.jsonl"\n', '"b.jsonl"\n'])
  expect(await sourceErrorOf(read(`${address}/*.csv`))).toMatchObject({ code: 'SOURCE_NO_FILES' })
  expect(await failureOf(read(`${address}/*/a.csv`))).toMatchObject({ name: 'ConfigError', code: 'SOURCE_URL_INVALID' })
  expect(await sourceErrorOf(collect(jsonl({ url: `${address}/none.jsonl`, sftp })))).toMatchObject({ code: 'SOURCE_NOT_FOUND', retryable: false })
})

test('a server with another key, or of which no key is known, is told nothing', async () => {
  const server = await startSftpServer(await temporaryFolder(), user)
  const url = `sftp://shop:${secret}@127.0.0.1:${String(server.port)}/rows.jsonl`
  const other = `SHA256:${'x'.repeat(43)}`
  const error = await sourceErrorOf(collect(jsonl({ url, sftp: { hostKey: other } })))
  expect(error).toMatchObject({ code: 'SFTP_HOST_KEY', retryable: false })
  expect(error.message).toContain(server.hostKey)
  expect(await failureOf(collect(jsonl({ url })))).toMatchObject({ name: 'ConfigError', code: 'SFTP_HOST_KEY' })
  expect(await sourceErrorOf(collect(jsonl({ url, sftp: { hostKey: [other, server.hostKey] } })))).toMatchObject({ code: 'SOURCE_NOT_FOUND' })
})

test('a server that nobody answers for may answer later', async () => {
  const { port } = await startTcpProxy(1)
  const sftp = { hostKey: `SHA256:${'x'.repeat(43)}` }
  expect(await sourceErrorOf(collect(jsonl({ url: `sftp://a@127.0.0.1:${String(port)}/x`, sftp })))).toMatchObject({ code: 'SOURCE_SFTP', retryable: true })
})
