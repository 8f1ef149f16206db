import * as z from 'zod'
import { explainRun } from '../../src/api/explain.ts'
import { unique } from '../../src/definitions/check.ts'
import { sqlAsset } from '../../src/definitions/sql-asset.ts'
import { table } from '../../src/definitions/table.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, test } from '../support/test.ts'

const Order = z.object({ id: z.int(), product: z.string(), quantity: z.int() })
type Orders = readonly z.infer<typeof Order>[]

describeBackends('SQL assets', (backend) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend })
    return engine.stop
  })

  test('are computed after what they depend on: merged by key, or a view', async () => {
    let orders: Orders = [
      { id: 1, product: 'pear', quantity: 2 },
      { id: 2, product: 'fig', quantity: 5 },
      { id: 3, product: 'pear', quantity: 1 },
    ]
    const raw = table({ key: 'sales/orders', columns: Order, write: { disposition: 'replace' }, extract: () => [orders] })
    const perProduct = sqlAsset({
      key: 'sales/per_product',
      select: 'SELECT product, sum(quantity)::int AS quantity FROM sales.orders GROUP BY product;',
      store: { kind: 'table', primaryKey: ['product'], indexes: ['quantity'] },
      deps: [raw],
      checks: [unique('product')],
    })
    const best = sqlAsset({
      key: 'sales/best',
      select: 'SELECT product FROM sales.per_product ORDER BY quantity DESC LIMIT 1',
      store: { kind: 'view' },
      deps: [perProduct],
    })
    // Declared upside down: the order is that of the dependencies.
    await engine.define([best, perProduct, raw])
    const first = await engine.succeed(['sales/orders', 'sales/per_product', 'sales/best'])
    expect(first.events.filter((event) => event.kind === 'materialization').map((event) => event.message)).toEqual([
      'sales/orders was materialized.',
      'sales/per_product was materialized.',
      'sales/best was materialized.',
    ])
    expect(first.steps.find((step) => step.asset === 'sales/per_product')?.result).toMatchObject({ rows: 2, inserted: 2, updated: 0 })
    expect(await engine.value('SELECT product FROM sales.best')).toBe('fig')

    orders = [...orders, { id: 4, product: 'pear', quantity: 9 }, { id: 5, product: 'plum', quantity: 1 }]
    const second = await engine.succeed(['sales/orders', 'sales/per_product'])
    expect(second.steps.find((step) => step.asset === 'sales/per_product')?.result).toMatchObject({ rows: 3, inserted: 1, updated: 1 })
    expect(await engine.query('SELECT * FROM sales.per_product ORDER BY product')).toEqual([
      { product: 'fig', quantity: 5 },
      { product: 'pear', quantity: 12 },
      { product: 'plum', quantity: 1 },
    ])
    expect(await engine.value('SELECT product FROM sales.best')).toBe('pear')
  })

  test('are skipped, however far down, when what they depend on fails', async () => {
    const broken = table({ key: 'broken/rows', columns: Order, retry: { retries: 0 }, extract: () => [[{ id: 1, product: 'pear', quantity: 1.5 }]] })
    const next = sqlAsset({ key: 'broken/next', select: 'SELECT 1 AS one', store: { kind: 'view' }, deps: [broken] })
    const last = sqlAsset({ key: 'broken/last', select: 'SELECT 1 AS one', store: { kind: 'view' }, deps: [next] })
    const other = sqlAsset({ key: 'broken/other', select: 'SELECT 1 AS one', store: { kind: 'view' } })
    await engine.define([broken, next, last, other])
    const run = await engine.run(['broken/rows', 'broken/next', 'broken/last', 'broken/other'])
    expect(run.status).toBe('failed')
    expect(Object.fromEntries(run.steps.map((step) => [step.asset, step.status]))).toEqual({
      'broken/rows': 'failed',
      'broken/next': 'skipped',
      'broken/last': 'skipped',
      'broken/other': 'succeeded',
    })
    expect(
      run.events
        .filter((event) => event.kind === 'skipped')
        .map((event) => event.message)
        .toSorted(),
    ).toEqual(['broken/last was skipped, because broken/rows failed.', 'broken/next was skipped, because broken/rows failed.'])
    const skipped = await engine.query(`SELECT asset, skipped_because FROM millrace.step WHERE run_id = $1 AND skipped_because IS NOT NULL ORDER BY 1`, [
      run.id,
    ])
    expect(skipped).toEqual(['broken/last', 'broken/next'].map((key) => ({ asset: key, skipped_because: 'because broken/rows failed' })))
    const explained = await explainRun({ pool: engine.database.pool }, run.id)
    expect(explained?.steps.find((step) => step.asset === 'broken/last')?.message).toBe('It was skipped, because broken/rows failed.')
  })

  test.for([
    [
      'a query that Postgres does not understand',
      'wrong/name',
      'SELECT nothing FROM nowhere',
      'Postgres refuses the query of wrong/name: relation "nowhere" does not exist',
    ],
    ['a key given twice', 'wrong/twice', 'SELECT 1 AS id, n FROM generate_series(1, 2) n', 'The query of wrong/twice gives a key more than once'],
    ['a key that is NULL', 'wrong/empty', 'SELECT NULL::int AS id', 'Postgres refuses the query of wrong/empty: null value in column "id"'],
  ] as const)('%s fails at once, in words', async ([, key, select, message]) => {
    await engine.define([sqlAsset({ key, select, store: { kind: 'table', primaryKey: ['id'] } })])
    const run = await engine.run(key)
    expect(run.step).toMatchObject({
      status: 'failed',
      attempt: 1,
      error: { code: 'SQL_ASSET_INVALID', message: expect.stringContaining(message), hint: expect.any(String) },
    })
  })
})
