import * as z from 'zod'
import { table } from '../../src/definitions/table.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, test } from '../support/test.ts'

describeBackends('connections to the destination', (backend) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend })
    return engine.stop
  })

  test('outlast the work that they were lent to', async () => {
    const asset = table({ key: 'connections/rows', columns: z.object({ id: z.int() }), write: { disposition: 'append' }, extract: () => [[{ id: 1 }]] })
    await engine.define([asset])
    const sessions = () =>
      engine.query(`SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'millrace load' ORDER BY pid`)
    await engine.succeed('connections/rows')
    const first = await sessions()
    for (let n = 0; n < 15; n += 1) await engine.succeed('connections/rows')
    expect(first).not.toEqual([])
    expect(await sessions()).toEqual(expect.arrayContaining(first))
  })
})
