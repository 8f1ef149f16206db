import * as z from 'zod'
import { asset } from '../../src/definitions/function-asset.ts'
import { externalAsset } from '../../src/definitions/external-asset.ts'
import { defineLocation } from '../../src/definitions/location.ts'
import { manifestOf } from '../../src/definitions/manifest.ts'
import { multiAsset } from '../../src/definitions/multi-asset.ts'
import { graphAsset } from '../../src/definitions/ops/graph-asset.ts'
import { graph } from '../../src/definitions/ops/graph.ts'
import { op } from '../../src/definitions/ops/op.ts'
import { sqlAsset } from '../../src/definitions/sql-asset.ts'
import { table } from '../../src/definitions/table.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { describe, expect, test } from '../support/test.ts'

const io = jsonFiles({ folder: 'values' })
const one = op({ name: 'one', output: z.int(), run: () => 1 })
const wired = graph({ name: 'wired', compose: () => one() })
const Row = z.object({ id: z.int() })
const select = 'SELECT 1 AS id'
type Key = { readonly key: string; readonly keyPrefix?: string }
const outputs = (of: Key) => ({ x: { ...of, value: z.int() } })

const definers = {
  asset: (of: Key) => asset({ ...of, io, run: () => 1 }),
  externalAsset: (of: Key) => externalAsset(of),
  graphAsset: (of: Key) => graphAsset({ ...of, io, graph: wired }),
  'multiAsset, an output': (of: Key) => multiAsset({ name: 'a/m', io, outputs: outputs(of), run: () => ({ x: 1 }) }).assets.x,
  'multiAsset, all outputs': ({ keyPrefix, ...of }: Key) =>
    multiAsset({ name: 'a/m', io, ...(keyPrefix === undefined ? {} : { keyPrefix }), outputs: outputs(of), run: () => ({ x: 1 }) }).assets.x,
  sqlAsset: (of: Key) => sqlAsset({ ...of, select, store: { kind: 'view' } }),
  table: (of: Key) => table({ ...of, columns: Row, extract: () => [] }),
} as const

describe.for(Object.entries(definers))('keyPrefix of %s', ([, make]) => {
  test('is the first part of its key', () => {
    expect(make({ keyPrefix: 'shop', key: 'orders' }).key).toBe('shop/orders')
    expect(make({ keyPrefix: 'eu/shop', key: 'web/orders' }).key).toBe('eu/shop/web/orders')
    expect(make({ key: 'orders' }).key).toBe('orders')
  })

  test.for(['', 'shop/', '/shop', 'the shop'])('cannot be %j', (keyPrefix) => {
    expect(() => make({ keyPrefix, key: 'orders' })).toThrow(`The asset key "${keyPrefix}/orders" has the part`)
  })
})

test('others name the whole key, and an output may have a prefix of its own', () => {
  const shop = { keyPrefix: 'shop', group: 'shop' } as const
  const orders = table({ ...shop, key: 'orders', columns: Row, extract: () => [] })
  const revenue = sqlAsset({ ...shop, key: 'revenue', select, store: { kind: 'view' }, deps: [orders, 'crm/accounts'] })
  const split = multiAsset({
    name: 'shop/split',
    keyPrefix: 'shop',
    io,
    outputs: { paid: { key: 'paid', value: z.int() }, open: { key: 'open', keyPrefix: 'late', value: z.int(), deps: ['shop/orders', 'shop/paid'] } },
    deps: [orders],
    run: () => ({ paid: 1, open: 2 }),
  })
  const { assets } = manifestOf(defineLocation({ name: 'shop', assets: [orders, revenue, split, externalAsset({ key: 'crm/accounts' })] }))
  expect(Object.fromEntries(assets.map(({ key, deps }) => [key, deps]))).toEqual({
    'crm/accounts': [],
    'shop/orders': [],
    'shop/revenue': ['shop/orders', 'crm/accounts'],
    'shop/paid': ['shop/orders'],
    'late/open': ['shop/orders', 'shop/paid'],
  })
  expect(assets.find(({ key }) => key === 'shop/orders')).toMatchObject({ table: { schema: 'shop', name: 'orders' } })
})
