import * as z from 'zod'
import { externalAsset } from '../../src/definitions/external-asset.ts'
import { asset } from '../../src/definitions/function-asset.ts'
import { defineLocation } from '../../src/definitions/location.ts'
import type { LocationOptions } from '../../src/definitions/location.ts'
import { manifestOf } from '../../src/definitions/manifest.ts'
import { metadata } from '../../src/definitions/metadata/index.ts'
import { multiAsset } from '../../src/definitions/multi-asset.ts'
import { graph } from '../../src/definitions/ops/graph.ts'
import { graphAsset } from '../../src/definitions/ops/graph-asset.ts'
import { job } from '../../src/definitions/ops/job.ts'
import { op } from '../../src/definitions/ops/op.ts'
import { schedule } from '../../src/definitions/schedule.ts'
import { selectAssets } from '../../src/definitions/selection/select-assets.ts'
import { sensor } from '../../src/definitions/sensor.ts'
import { sqlAsset } from '../../src/definitions/sql-asset.ts'
import { table } from '../../src/definitions/table.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { describe, expect, test } from '../support/test.ts'

const io = jsonFiles({ folder: 'values' })
const made = (key: string, deps: readonly string[] = []) => asset({ key, deps, io, run: () => 1 })
const rows = (key: string) => table({ key, columns: z.object({ id: z.int() }), extract: () => [] })
const several = (name: string, ...keys: string[]) =>
  multiAsset({
    name,
    io,
    outputs: Object.fromEntries(keys.map((key, at) => [`o${String(at)}`, { key, value: z.int() }])),
    run: () => ({}),
  })
const nightly = schedule({ name: 'nightly', cron: '0 2 * * *', assets: 'a/x' })
const look = sensor({ name: 'look', assets: 'a/x', run: () => undefined })
const pooled = op({ name: 'fetch', pool: 'api', output: z.int(), run: () => 1 })

describe('a location that cannot be', () => {
  test.each<[string, () => LocationOptions['assets'], RegExp, Partial<LocationOptions>?]>([
    ['its assets depend on each other', () => [made('a/x', ['a/y']), made('a/y', ['a/z']), made('a/z', ['a/x'])], /in a circle: a\/x → a\/y → a\/z → a\/x/],
    ['an asset depends on itself', () => [made('a/x', ['a/x'])], /in a circle: a\/x → a\/x/],
    [
      'a function hangs on what is made from its assets',
      () => [multiAsset({ name: 'a/split', io, deps: ['a/y'], outputs: { x: { key: 'a/x', value: z.int() } }, run: () => ({ x: 1 }) }), made('a/y', ['a/x'])],
      /in a circle: a\/x → a\/y → a\/x/,
    ],
    ['external assets depend on each other', () => [externalAsset({ key: 'a/x', deps: ['a/y'] }), externalAsset({ key: 'a/y', deps: ['a/x'] })], /in a circle/],
    ['an external asset is made in the location itself', () => [externalAsset({ key: 'a/x', madeIn: 'place' })], /a\/x is made in place itself/],
    ['an asset depends on what is not there', () => [made('a/x', ['b/y'])], /a\/x depends on b\/y, which the location place does not define/],
    ['two assets have one key', () => [made('a/x'), rows('a/x')], /The asset key a\/x is defined twice in the location place/],
    ['an output has the key of an asset', () => [made('a/x'), several('a/split', 'a/x')], /The asset key a\/x is defined twice/],
    ['two assets have one table', () => [rows('a/x-y'), rows('a/x_y')], /The table a\.x_y is defined twice/],
    [
      'two functions of several assets have one name',
      () => [several('a/split', 'a/x'), several('a/split', 'a/y')],
      /Two functions of several assets are called a\/split/,
    ],
    ['such a function has the name of an asset', () => [several('a/x', 'a/y'), made('a/x')], /a\/x makes several assets of place, one of which has its name/],
    [
      'only some of what it makes is listed',
      () => Object.values(several('a/split', 'a/x', 'a/y').assets).slice(1),
      /a\/split also makes a\/x, which place does not list/,
    ],
    ['two outputs have one key', () => [several('a/split', 'a/x', 'a/x')], /Two outputs of a\/split have the asset key a\/x/],
    ['there are no outputs', () => [several('a/split')], /a\/split makes nothing/],
    [
      'an output has nowhere to be stored',
      () => [multiAsset({ name: 'a/split', outputs: { x: { key: 'a/x', value: z.int() } }, run: () => ({ x: 1 }) })],
      /a\/x, an output of a\/split, has nowhere to be stored/,
    ],
    [
      'an input is an external asset',
      () => [asset({ key: 'a/x', inputs: { of: externalAsset({ key: 'b/y' }) as never }, io, run: () => 1 }), externalAsset({ key: 'b/y' })],
      /is b\/y, which has no value that could be loaded: it is made by something else/,
    ],
    ['an owner is none', () => [externalAsset({ key: 'a/x', owners: ['the sales team'] })], /The owner "the sales team" of a\/x is none/],
    ['a kind is none', () => [externalAsset({ key: 'a/x', kinds: ['DBT!'] })], /The kind "DBT!" of a\/x is none/],
    [
      'what is shown of an asset is not JSON',
      () => [externalAsset({ key: 'a/x', metadata: { at: new Date(0) as never } })],
      /The metadata of a\/x cannot be stored: at is not JSON/,
    ],
    ['two schedules have one name', () => [made('a/x')], /The schedule nightly is defined twice in the location place/, { schedules: [nightly, nightly] }],
    ['two sensors have one name', () => [made('a/x')], /The sensor look is defined twice in the location place/, { sensors: [look, look] }],
    [
      'two resources have one name',
      () => [1, 2].map((n) => asset({ key: `a/n${String(n)}`, io, resources: { shop: { start: () => n } }, run: () => 1 })),
      /Two different resources of place are called shop \(the second one by a\/n2\)/,
    ],
    [
      'an op takes slots of a pool that is not declared',
      () => [],
      /op fetch names the pool api, which the location place does not declare/,
      { jobs: [job({ name: 'j', graph: graph({ name: 'g', compose: () => pooled() }) })] },
    ],
    [
      'an op of an asset asks for more slots than there are',
      () => [
        graphAsset({
          key: 'a/x',
          io,
          graph: graph({ name: 'g', compose: () => op({ name: 'wide', pool: 'api', slots: 2, output: z.int(), run: () => 1 })() }),
        }),
      ],
      /op wide asks for 2 slots of the pool api, which has 1/,
      { pools: { api: 1 } },
    ],
  ])('because %s is refused when definitions load', (_, assets, message, more = {}) => {
    expect(() => defineLocation({ name: 'place', assets: assets() ?? [], ...more })).toThrow(message)
  })
})

test('a chain of assets may be longer than the stack is deep, and the circle alone is told of', () => {
  const chain = Array.from({ length: 5000 }, (_, at) => made(`a/n${String(at)}`, at === 0 ? [] : [`a/n${String(at - 1)}`])).toReversed()
  expect(defineLocation({ name: 'place', assets: chain }).assets[0]?.key).toBe('a/n0')
  const closed = [made('a/far', ['a/x']), made('a/x', ['a/y']), made('a/y', ['a/x'])]
  expect(() => defineLocation({ name: 'place', assets: closed })).toThrow('in a circle: a/x → a/y → a/x. Remove')
})

test('every sort of asset says what it is, and is chosen by it', () => {
  const facts = { description: 'what it is', group: 'g', tags: { tier: 'gold' }, owners: ['team:sales', 'a@b.example'], kinds: ['dbt'], codeVersion: '7' }
  const all = [
    table({ key: 'a/table', ...facts, metadata: { page: metadata.url('https://x.example') }, columns: z.object({ id: z.int() }), extract: () => [] }),
    sqlAsset({ key: 'a/sql', ...facts, metadata: { rows: 1 }, select: 'SELECT 1 AS id', store: { kind: 'view' } }),
    asset({ key: 'a/function', ...facts, metadata: { rows: 1 }, io, run: () => 1 }),
    graphAsset({
      key: 'a/graph',
      ...facts,
      metadata: { rows: 1 },
      io,
      graph: graph({ name: 'g', compose: () => op({ name: 'o', output: z.int(), run: () => 1 })() }),
    }),
    multiAsset({ name: 'a/split', io, outputs: { one: { key: 'a/one', value: z.int(), ...facts, metadata: { rows: 1 } } }, run: () => ({ one: 1 }) }),
    externalAsset({ key: 'a/external', ...facts, metadata: { rows: 1 } }),
  ]
  const { assets } = manifestOf(defineLocation({ name: 'place', assets: [...all, made('a/plain')] }))
  expect(assets.map(({ key }) => key)).toEqual(['a/table', 'a/sql', 'a/function', 'a/graph', 'a/one', 'a/external', 'a/plain'])
  for (const one of assets.slice(0, 6)) {
    expect(one).toMatchObject(facts)
    expect(Object.keys(one.metadata ?? {})).toHaveLength(1)
  }
  expect(assets[6]).not.toHaveProperty('owners')
  for (const selection of ['owner:team:sales', 'owner:"a@b.example"', 'kind:dbt']) expect(selectAssets(assets, [selection])).toHaveLength(6)
  expect(selectAssets(assets, ['kind:external or kind:sql'])).toEqual(['a/sql', 'a/external'])
  expect(() => selectAssets(assets, ['owner:team:sale'])).toThrow('No asset has the owner team:sale (there are team:sales, a@b.example).')
})
