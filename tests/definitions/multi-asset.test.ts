import * as z from 'zod'
import type { Dependency } from '../../src/definitions/dependency.ts'
import { asset } from '../../src/definitions/function-asset.ts'
import type { Inputs } from '../../src/definitions/function-asset.ts'
import { defineLocation } from '../../src/definitions/location.ts'
import { manifestOf } from '../../src/definitions/manifest.ts'
import { multiAsset } from '../../src/definitions/multi-asset.ts'
import { unitsOf } from '../../src/definitions/partitions/backfill-units.ts'
import { mapPartitions } from '../../src/definitions/partitions/partition-mapping.ts'
import { dailyPartitions, weeklyPartitions } from '../../src/definitions/partitions/partitions.ts'
import { selectAssets } from '../../src/definitions/selection/select-assets.ts'
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

const io = jsonFiles({ folder: 'values' })
const days = dailyPartitions({ start: '2026-01-01', end: '2026-01-04' })
const plain = (key: string, deps: readonly Dependency[] = [], partitions?: typeof days) =>
  asset({ key, io, deps, run: () => 1, ...(partitions === undefined ? {} : { partitions }) })
/** A function whose outputs `a`, `b` and `c` hang on what is said of each; on all of it where nothing is. */
const split = (options: { inputs?: Inputs; deps?: readonly Dependency[]; partitions?: typeof days }, ...of: readonly (readonly Dependency[] | undefined)[]) =>
  multiAsset({
    name: 'own/split',
    io,
    ...options,
    outputs: Object.fromEntries(
      of.map((deps, at) => [`o${String(at)}`, { key: `own/${'abc'[at] ?? ''}`, value: z.int(), ...(deps === undefined ? {} : { deps }) }]),
    ),
    run: () => ({}),
  })
const [x, y] = [plain('own/x'), plain('own/y')]

test('outputs hang on all that the function does, or on what they say', () => {
  const { assets } = manifestOf(
    defineLocation({ name: 'place', assets: [split({ inputs: { x }, deps: ['own/y'] }, undefined, ['own/x', 'own/z'], ['own/b']), x, y, plain('own/z', [y])] }),
  )
  expect(assets.map(({ key, deps }) => `${key} < ${deps.join(' ')}`)).toEqual([
    'own/x < ',
    'own/y < ',
    'own/z < own/y',
    'own/a < own/x own/y',
    'own/b < own/x own/z',
    'own/c < own/b',
  ])
  expect(assets.flatMap((one) => (one.kind === 'function' ? Object.values(one.inputs) : []))).toEqual(['own/x', 'own/x'])
  expect(selectAssets(assets, ['+own/c'])).toEqual(['own/x', 'own/y', 'own/z', 'own/b', 'own/c'])
  expect(selectAssets(assets, ['own/y+'])).toEqual(['own/y', 'own/z', 'own/a', 'own/b', 'own/c'])
})

test('a backfill makes all outputs by one run, after all that any of them hangs on', () => {
  const week = asset({ key: 'own/week', io, partitions: weeklyPartitions({ start: '2026-01-01' }), run: () => 1 })
  const early = plain('own/early', [], days)
  const { assets } = defineLocation({ name: 'place', assets: [split({ partitions: days, deps: [early, week] }, ['own/early'], ['own/week']), early, week] })
  const units = unitsOf(
    assets.map((one) => ({ ...one, madeBy: one.kind === 'function' && one.madeBy !== undefined ? { name: one.madeBy.multi.key } : undefined })),
  )
  expect(units.map((unit) => [unit.assets.join(' '), unit.upstream.map((one) => one.unit)])).toEqual([
    ['own/early', []],
    ['own/week', []],
    ['own/a own/b', [0, 1]],
  ])
})

test.for<[what: string, define: () => unknown, message: RegExp]>([
  ['an input that no output is made from', () => split({ inputs: { x } }, ['own/y'], []), /own\/split hangs on own\/x, and none of its outputs does/],
  [
    'other partitions of another output',
    () => split({ partitions: days }, undefined, [{ asset: 'own/a', partitions: mapPartitions.last() }]),
    /own\/b is made together with own\/a by own\/split, of the same partition/,
  ],
  [
    'other partitions of an input than are handed in',
    () => split({ inputs: { x } }, [{ asset: x, partitions: mapPartitions.last() }]),
    /own\/a hangs on other partitions of own\/x than own\/split is handed/,
  ],
  [
    'outputs that hang on each other',
    () => defineLocation({ name: 'place', assets: [split({}, ['own/b'], ['own/a'])] }),
    /in a circle: own\/a → own\/b → own\/a\. own\/split makes/,
  ],
  [
    'an output that hangs on what is made from another one',
    () => defineLocation({ name: 'place', assets: [split({}, [], ['own/between']), plain('own/between', ['own/a'])] }),
    /in a circle: own\/a → own\/between → own\/a\. own\/split makes own\/a, own\/b at once, after all that any of them hangs on\. Remove/,
  ],
])('refuses %s', ([, define, message]) => {
  expect(define).toThrow(message)
})
