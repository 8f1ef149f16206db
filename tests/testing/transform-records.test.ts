import { notEmpty, table } from 'millrace'
import { transformRecords } from 'millrace/testing'
import * as z from 'zod'
import { describe, expect, test } from '../support/test.ts'

describe('transformRecords', () => {
  const orders = table({
    key: 'shop/orders',
    columns: z.object({ id: z.int(), placedAt: z.iso.datetime(), country: z.string().nullable().default('FR') }),
    config: z.object({ least: z.int().default(1) }),
    quarantine: true,
    checks: [notEmpty()],
    extract: () => [],
    transform: (order: { id: number; at: string; cents: number; country?: string }, { config, page }) =>
      order.cents < config.least ? null : { id: order.id, placedAt: order.at, country: order.country ?? (typeof page === 'string' ? page : null) },
  })
  const good = { id: 1, at: '2026-01-01T00:00:00Z', cents: 5 }

  test('shows rows, what goes to quarantine and why, and counts what is filtered', async () => {
    const records = [good, { ...good, id: 'x', at: 'soon' }, { ...good, cents: 0 }, { ...good, id: 2, country: 'DE' }]
    expect(await transformRecords(orders, records, { page: 'PL' })).toEqual({
      rows: [
        { id: 1, placed_at: '2026-01-01T00:00:00Z', country: 'PL' },
        { id: 2, placed_at: '2026-01-01T00:00:00Z', country: 'DE' },
      ],
      quarantined: [
        {
          record: { ...good, id: 'x', at: 'soon' },
          place: expect.stringContaining('record 1 of page 1') as unknown,
          issues: [expect.objectContaining({ column: 'id', value: '"x"' }), expect.objectContaining({ column: 'placed_at', value: '"soon"' })],
        },
      ],
      filtered: 1,
    })
    expect(await transformRecords(orders, [good], { config: { least: 6 } })).toMatchObject({ rows: [], filtered: 1 })
  })

  test('reads a page of a file as a worker does, and without quarantine fails as a worker does', async () => {
    const lines = table({ key: 'shop/lines', columns: z.object({ id: z.int() }), extract: () => [] })
    const page = (body: string) => ({ body, format: { kind: 'jsonl' as const }, firstLine: 1 })
    expect(await transformRecords(lines, page('{"id":1}\n{"id":2}\n'))).toMatchObject({ rows: [{ id: 1 }, { id: 2 }] })
    await expect(transformRecords(lines, page('{"id":1}\n{"id":"x"}\n'))).rejects.toMatchObject({
      code: 'RECORD_INVALID',
      message: expect.stringContaining('line 2') as unknown,
    })
  })
})
