import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, temporaryFolder, test } from './test.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

test('every test is counted once, and a file that cannot be loaded is a failure', async () => {
  const folder = await temporaryFolder()
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
  await writeFile(join(folder, 'broken.test.js'), "throw new Error('cannot be loaded')")
  await writeFile(
    join(folder, 'mixed.test.js'),
    `import { describe, expect, test } from 'vitest'
     test('passes', () => {})
     describe('a group', () => {
       test.each([1, 2])('passes with %i', () => {})
       test('fails', () => expect(1).toBe(2))
     })
     test.skip('is skipped', () => {})
     test.todo('is to be written')`,
  )
  const counts = join(folder, 'counts.json')
  const reporter = fileURLToPath(new URL('./count-reporter.ts', import.meta.url))
  const { status } = spawnSync(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--root', folder, '--reporter', reporter], {
    env: { PATH: process.env['PATH'], MILLRACE_TEST_COUNTS: counts },
  })
  expect(status).toBe(1)
  expect(JSON.parse(readFileSync(counts, 'utf8'))).toEqual({ passed: 3, failed: 2, skipped: 2 })
})
