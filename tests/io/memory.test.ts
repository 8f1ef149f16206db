import { memoryIo } from '../../src/testing/memory-io.ts'
import { expect, test } from '../support/test.ts'
import { startIo, storesJson, testIoManager } from './conformance.ts'

testIoManager('memoryIo', () => Promise.resolve({ io: memoryIo() }), storesJson)

test('tells all that is stored, in copies', async () => {
  const io = memoryIo()
  const started = await startIo({ io })
  const value = { n: [1] }
  await started.store({ asset: 'a/b', partition: undefined }, value, { signal: new AbortController().signal })
  value.n.push(2)
  await started.store({ asset: 'a/b', partition: '2026-01-01' }, 5, { signal: new AbortController().signal })
  expect(io.stored()).toEqual([
    { asset: 'a/b', partition: undefined, value: { n: [1] } },
    { asset: 'a/b', partition: '2026-01-01', value: 5 },
  ])
})
