import * as z from 'zod'
import { table } from '../../src/definitions/table.ts'
import { rest } from '../../src/sources/rest.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describe, expect, startHttpServer, test } from '../support/test.ts'

describe('the lists of each record of another', () => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend: 'postgres' })
    return engine.stop
  })

  /** Orders from 1 to 8 in pages of three, two lines each; the lines of one of them fail once, after which `orders` may be others. */
  async function shop(failing: number, then: readonly number[] = [1, 2, 3, 4, 5, 6, 7, 8]) {
    const state = { orders: [1, 2, 3, 4, 5, 6, 7, 8] as readonly number[], failed: false }
    const asked: string[] = []
    const server = await startHttpServer((request, response) => {
      const url = new URL(request.url ?? '', 'http://x')
      asked.push(request.url ?? '')
      const order = Number(/^\/orders\/(\d+)$/.exec(url.pathname)?.[1])
      if (order === failing && !state.failed) {
        Object.assign(state, { failed: true, orders: then })
        return response.writeHead(500).end()
      }
      if (order > 0) return response.end(JSON.stringify([0, 1].map((line) => ({ id: order * 10 + line, text: 'x'.repeat(1500) }))))
      const page = Number(url.searchParams.get('page'))
      return response.end(
        JSON.stringify({ orders: state.orders.slice(page * 3 - 3, page * 3).map((id) => ({ id })), pages: Math.ceil(state.orders.length / 3) }),
      )
    })
    const asset = (key: string) =>
      table({
        key,
        columns: z.object({ id: z.int(), orderId: z.int() }),
        resumable: true,
        retry: { delayMs: 1 },
        extract: ({ signal, position }) =>
          rest({
            parent: { url: `${server.url}/orders`, path: ['orders'], paging: { kind: 'number', parameter: 'page', total: ['pages'] } },
            url: '/orders/{id}',
            retry: { tries: 1 },
            signal,
            position,
          }),
        transform: (line: { readonly id: number }, { page }) => ({ id: line.id, orderId: (page as { readonly id: number }).id }),
      })
    return { asset, asked }
  }

  const rowsOf = (orders: readonly number[]) => orders.flatMap((order) => [0, 1].map((line) => ({ id: order * 10 + line, order_id: order })))

  test('goes on after a failure where it stopped, and has each row once with its parent’s id', async () => {
    const { asset, asked } = await shop(6)
    await engine.define([asset('lines/resumed')], { batchBytes: 2048 })
    const run = await engine.succeed('lines/resumed')
    expect(run.step).toMatchObject({ attempt: 2, generation: 1 })
    expect(await engine.query('SELECT id::int, order_id::int FROM lines.resumed ORDER BY id')).toEqual(rowsOf([1, 2, 3, 4, 5, 6, 7, 8]))
    expect(asked.filter((one) => one === '/orders/1')).toHaveLength(1)
    expect(asked.filter((one) => one === '/orders?page=1')).toHaveLength(1)
  })

  test('begins afresh where the parent at which it stopped is gone from its page', async () => {
    const { asset } = await shop(6, [2, 3, 6, 7, 8, 9])
    await engine.define([asset('lines/afresh')], { batchBytes: 2048 })
    const run = await engine.succeed('lines/afresh')
    expect(run.step).toMatchObject({ attempt: 3, generation: 2 })
    expect(run.events.map((event) => event.message).join('\n')).toContain('is no longer on its page')
    expect(await engine.query('SELECT id::int, order_id::int FROM lines.afresh ORDER BY id')).toEqual(rowsOf([2, 3, 6, 7, 8, 9]))
  })
})
