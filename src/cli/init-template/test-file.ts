/** The first test of a new project: what the functions of its definitions do, without a database. */
export function testFile(): string {
  return `import { transformRecords } from 'millrace/testing'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readings } from './definitions.ts'

test('a reading becomes a row in degrees Celsius, and one without a temperature none', async () => {
  const at = '2026-01-31T12:00:00Z'
  const { rows, filtered } = await transformRecords(readings, [
    { station: 'hill', at, fahrenheit: 212 },
    { station: 'wood', at, fahrenheit: null },
  ])
  assert.deepEqual(rows, [{ station: 'hill', at, celsius: 100 }])
  assert.equal(filtered, 1)
})
`
}
