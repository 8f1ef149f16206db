import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { jsonPages } from '../../src/sources/json-pages.ts'
import { startHttpServer } from '../support/http-server.ts'

const mebibyte = 1024 * 1024

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as (options?: { type: 'minor' }) => void

test('pages that were passed on go in a young collection', async () => {
  const body = Buffer.from(`[${'{"a":1},'.repeat(mebibyte / 16)}{}]`)
  const server = await startHttpServer((_, response) => response.end(body))
  const walk = async (count: number): Promise<void> => {
    const pages = jsonPages({ url: server.url, paging: { kind: 'number', parameter: 'page' } })
    for (let left = count; left > 0; left -= 1) await pages.next()
    await pages.return()
  }
  await walk(60)
  collect()
  collect()
  const before = process.memoryUsage().external
  await walk(30)
  // What one frees is counted by the next.
  for (let times = 0; times < 3; times += 1) collect({ type: 'minor' })
  expect(process.memoryUsage().external - before).toBeLessThan(4 * mebibyte)
})
