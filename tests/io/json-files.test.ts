import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { jsonFiles } from '../../src/io/json-files.ts'
import { expect, temporaryFolder, test } from '../support/test.ts'
import { startIo, storesJson, testIoManager } from './conformance.ts'

testIoManager('jsonFiles', async () => ({ io: jsonFiles({ folder: await temporaryFolder() }) }), storesJson)

const context = { signal: new AbortController().signal }
const start = (folder: string) => startIo({ io: jsonFiles({ folder }) })

test('one file for a value, where a person looks for it, and none beside it', async () => {
  const folder = await temporaryFolder()
  const io = await start(folder)
  await io.store({ asset: 'retail/revenue', partition: '2026-11-22' }, 1, context)
  await io.store({ asset: 'retail/revenue', partition: undefined }, 2, context)
  expect((await readdir(folder, { recursive: true })).toSorted()).toEqual([
    'retail',
    'retail/revenue',
    'retail/revenue/2026-11-22.json',
    'retail/revenue/value.json',
  ])
})

test('a file that somebody damaged is an error that names it', async () => {
  const folder = await temporaryFolder()
  const io = await start(folder)
  await io.store({ asset: 'a', partition: undefined }, 1, context)
  await writeFile(join(folder, 'a/value.json'), '{"n":')
  await expect(io.load({ asset: 'a', partition: undefined }, context)).rejects.toMatchObject({
    code: 'VALUE_UNREADABLE',
    message: expect.stringContaining(join(folder, 'a/value.json')) as unknown,
  })
})

test('a folder that cannot be used is an error that names it and passes', async () => {
  const folder = join(await temporaryFolder(), 'values')
  const io = await start(folder)
  await writeFile(folder, 'in the way')
  const down = { code: 'STORE_UNAVAILABLE', retryable: true, message: expect.stringContaining(`The folder ${folder}`) as unknown }
  await expect(io.store({ asset: 'a', partition: undefined }, 1, context)).rejects.toMatchObject(down)
  await expect(io.load({ asset: 'a', partition: undefined }, context)).rejects.toMatchObject(down)
  await rm(folder)
  await io.store({ asset: 'a', partition: undefined }, 1, context)
  expect(await io.load({ asset: 'a', partition: undefined }, context)).toBe(1)
})
