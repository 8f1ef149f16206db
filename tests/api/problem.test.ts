import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { problemOf } from '../../src/api/problem.ts'
import { exitCode, exitCodeOfError } from '../../src/cli/exit-code.ts'
import { MillraceError } from '../../src/errors.ts'

test.each([
  ['QUEUE_UNAVAILABLE', new MillraceError('The queue shop.extract does not answer.', { code: 'QUEUE_UNAVAILABLE', hint: 'Look at Redis.' })],
  ['DATABASE_UNAVAILABLE', new Error('Query read timeout')],
  ['DATABASE_UNAVAILABLE', Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })],
])('%s is for the caller to try again', (code, error) => {
  expect(problemOf(error)).toMatchObject({ status: 503, code })
})

test('what is not the caller’s doing says no more than that it is logged', () => {
  expect(problemOf(new Error('password hunter2'))).toMatchObject({ status: 500, code: 'INTERNAL', detail: 'Something failed inside the board.' })
})

/** What no caller gets to see: it is thrown in workers and producers, while migrating, or is stored. */
const ofNoCaller = new Set([
  'ASSET_UNKNOWN',
  'CLOCKS_DIFFER',
  'DESTINATION_INVALID',
  'DESTINATION_UNSET',
  'INTERRUPTED',
  'LOCATION_FORGOTTEN',
  'MIGRATION_CHANGED',
  'MIGRATION_FAILED',
  'SCHEDULE_TOO_MANY_RUNS',
  'SCHEMA_NEWER',
  'STEP_UNKNOWN',
  'UNKNOWN',
])

test('whatever launching and the catalogue refuse has a status, and an exit code that agrees with it', () => {
  const root = fileURLToPath(new URL('../../src', import.meta.url))
  const files = globSync('{producers/launch,catalog,definitions/{selection,partitions}}/**/*.ts', { cwd: root })
  const codes = new Set(
    files.flatMap((file) => [...readFileSync(join(root, file), 'utf8').matchAll(/\b(?:code:|onePartitionPerRun =) '([A-Z_]+)'/g)].map(([, code = '']) => code)),
  )
  const answers = [...codes]
    .filter((code) => !ofNoCaller.has(code))
    .map((code) => {
      const error = new MillraceError('It is refused.', { code })
      return { code, status: problemOf(error).status, exit: exitCodeOfError(error) }
    })
  expect(answers.length).toBeGreaterThan(25)
  expect([...ofNoCaller].filter((code) => !codes.has(code))).toEqual([])
  expect(answers.filter(({ status }) => status === 500)).toEqual([])
  // What was asked for wrongly fails again however often it is asked; what is there now may be otherwise later. That nothing is missing is nobody's slip.
  const wrongly = answers.filter(({ status, code }) => (status === 404 || status === 422 ? code !== 'NOTHING_TO_BACKFILL' : code.endsWith('_AMBIGUOUS')))
  expect(answers.filter(({ exit }) => exit === exitCode.usage)).toEqual(wrongly)
})
