import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from '../support/test.ts'

test('strings are fast again after a class has extended String, as ioredis does', () => {
  const file = JSON.stringify(fileURLToPath(new URL('../../src/workers/fast-strings.ts', import.meta.url)))
  const script = `
    const { restoreFastStrings } = await import(${file})
    await import('ioredis')
    const before = %HasFastProperties(String.prototype)
    restoreFastStrings()
    console.log(JSON.stringify({ before, after: %HasFastProperties(String.prototype) }))`
  const printed = execFileSync(process.execPath, ['--allow-natives-syntax', '--input-type=module', '--eval', script], {
    encoding: 'utf8',
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
  })
  // Where `before` is true ioredis or V8 has changed, and the file can go.
  expect(JSON.parse(printed)).toEqual({ before: false, after: true })
})
