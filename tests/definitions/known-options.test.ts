import * as millrace from '../../src/index.ts'
import { describe, expect, test } from '../support/test.ts'
import { definers, one, Row } from './definers.ts'

const withoutOptions = [
  'bytes',
  'checkAssetKey',
  'decimal',
  'dynamicPartitions',
  'fromEnv',
  'inet',
  'multiPartitions',
  'partitionsOf',
  'staticPartitions',
  'tableNameOf',
  // Errors are thrown while functions run.
  'ConfigError',
  'DataError',
  'DefinitionError',
  'MillraceError',
  'SourceError',
]

const errorOf = (make: () => unknown): unknown => {
  try {
    make()
    return undefined
  } catch (error) {
    return error
  }
}

describe('an option that there is not', () => {
  test.for(Object.entries(definers))('is refused by %s', ([, [make, wrong, right, whose]]) => {
    expect(errorOf(() => make({}))).toBeUndefined()
    const meant = right === '' ? '' : ` (did you mean \`${right}\`?)`
    for (const value of [1, undefined]) {
      const error = errorOf(() => make({ [wrong]: value }))
      expect(error).toMatchObject({
        code: expect.stringMatching(/_INVALID$/) as unknown,
        message: expect.stringContaining(`${whose} has no option \`${wrong}\`${meant}.`) as unknown,
      })
    }
    // With nothing near it, what there is.
    expect(errorOf(() => make({ [wrong]: 1, zzzzzz: 1 }))).toMatchObject({
      message: expect.stringMatching(/ and no `zzzzzz`\. Its options are: \w+/) as unknown,
    })
  })

  test('is looked for by every function that takes options', () => {
    const asked = new Set(Object.keys(definers).map((name) => name.split(', ')[0] ?? ''))
    expect(Object.keys(millrace).filter((name) => !asked.has(name) && !withoutOptions.includes(name))).toEqual([])
  })

  test('is not looked for in the fields of an object of a class', () => {
    class Client {
      readonly url = 'x'
      start(): string {
        return this.url
      }
    }
    expect(millrace.resource(new Client())).toMatchObject({ url: 'x' })
  })
})

test('of two options that exclude each other both are named', () => {
  const both = { assets: '*', job: 'j', graph: one }
  expect(errorOf(() => millrace.schedule({ name: 's', cron: '0 0 * * *', ...both }))).toMatchObject({
    message: expect.stringMatching(/no option `graph`/) as unknown,
  })
  expect(errorOf(() => millrace.schedule({ name: 's', cron: '0 0 * * *', assets: '*', job: 'j' }))).toMatchObject({
    message: 'The schedule s has both `job` and `assets`. Leave one out.',
  })
  expect(errorOf(() => millrace.job({ name: 'j', assets: '*', graph: one }))).toMatchObject({
    message: 'The job j has both `assets` and `graph`. Leave one out.',
  })
})

test('a disposition that there is not is refused', () => {
  const write = { disposition: 'upsert' } as unknown as NonNullable<millrace.TableOptions<typeof Row, unknown>['write']>
  expect(errorOf(() => millrace.table({ key: 'a/x', columns: Row, extract: () => [], write }))).toMatchObject({
    message: 'The disposition "upsert" of a/x is none. They are: append, replace, merge, snapshot, scd2.',
  })
})
