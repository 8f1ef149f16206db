import * as z from 'zod'
import { resource } from '../../src/definitions/resource.ts'
import { table } from '../../src/definitions/table.ts'
import { ConfigError } from '../../src/errors.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, test } from '../support/test.ts'

const Row = z.object({ greeting: z.string() })

describeBackends('a resource', (backend) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend })
    return engine.stop
  })

  test('is started once for a worker, with its environment, and stopped with it', async () => {
    const seen: string[] = []
    const greeter = resource({
      start: ({ env }) => {
        seen.push('start')
        return { greeting: `hello ${env['GREETED'] ?? 'nobody'}` }
      },
      stop: (client) => void seen.push(`stop ${client.greeting}`),
    })
    const rows = (key: string) => table({ key, columns: Row, resources: { greeter }, extract: ({ resources }) => [[{ greeting: resources.greeter.greeting }]] })
    const { worker } = await engine.define([rows('once/a'), rows('once/b')], { env: { GREETED: 'world' } })
    expect(seen).toEqual([])
    await engine.succeed(['once/a', 'once/b'])
    await engine.succeed('once/a')
    expect(await engine.query('SELECT greeting FROM once.a UNION ALL TABLE once.b')).toEqual(Array.from({ length: 3 }, () => ({ greeting: 'hello world' })))
    expect(seen).toEqual(['start'])
    await worker.stop()
    expect(seen).toEqual(['start', 'stop hello world'])
  })

  test('that does not start fails the step with its error, and is tried again by the next use', async () => {
    let ready = false
    const token = resource({
      start: () => {
        if (ready) return 'token'
        throw new ConfigError('SHOP_TOKEN is not set', { code: 'SHOP_TOKEN_MISSING', hint: 'Set SHOP_TOKEN.' })
      },
    })
    await engine.define([table({ key: 'late/rows', columns: Row, resources: { token }, extract: ({ resources }) => [[{ greeting: resources.token }]] })])
    const run = await engine.run('late/rows')
    expect(run.step).toMatchObject({
      status: 'failed',
      attempt: 1,
      error: { code: 'SHOP_TOKEN_MISSING', message: 'SHOP_TOKEN is not set', hint: 'Set SHOP_TOKEN.' },
    })
    ready = true
    await engine.succeed('late/rows')
  })
})
