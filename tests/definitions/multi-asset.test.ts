import * as z from 'zod'
import { multiAsset } from '../../src/definitions/multi-asset.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { expect, test } from '../support/test.ts'

test.for([
  [false, ['a']],
  [true, /answered b, which it was not asked for/],
] as const)('a function (subset: %s) that makes more than when its run was planned', async ([subset, expected]) => {
  const split = multiAsset({
    name: 'one/split',
    io: jsonFiles({ folder: 'values' }),
    subset,
    outputs: { a: { key: 'one/a', value: z.int() }, b: { key: 'one/b', value: z.int() } },
    run: () => ({ a: 1, b: 2 }),
  })
  const made = split.run({ wanted: new Set(['a']) } as never)
  if (expected instanceof RegExp) await expect(made).rejects.toThrow(expected)
  else expect([...(await made).keys()]).toEqual(expected)
})
