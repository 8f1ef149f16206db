import * as z from 'zod'
import { table } from '../../src/definitions/table.ts'
import type { TableOptions } from '../../src/definitions/table.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, test, waitFor } from '../support/test.ts'

const Row = z.object({ id: z.int(), name: z.string() })
type Write = NonNullable<TableOptions<typeof Row, unknown>['write']>

describeBackends('statistics of a table that was swapped in', (backend) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend })
    return engine.stop
  })
  const rows = Array.from({ length: 600 }, (_, id) => ({ id, name: `name ${String(id)}` }))
  const assetOf = (key: string, write: Write) => table({ key, columns: Row, primaryKey: ['id'], write, retry: { retries: 0 }, extract: () => [rows] })
  /** How many values Postgres knows of the ids' spread: one more than the target with which it looked. */
  const known = (name: string) =>
    engine.value(`SELECT array_length(histogram_bounds::text::text[], 1) FROM pg_stats WHERE schemaname = 'seen' AND tablename = $1 AND attname = 'id'`, [name])

  // The cluster of the tests has no vacuum of its own that could come along.
  test.for<Write>([{ disposition: 'replace' }, { disposition: 'merge' }, { disposition: 'append' }])(
    'are whole some time after a run by $disposition',
    async (write) => {
      const name = `by_${write.disposition}`
      await engine.define([assetOf(`seen/${name}`, write)])
      const run = await engine.succeed(`seen/${name}`)
      expect(run.step.result).toMatchObject({ how: 'swapped', rows: 600 })
      await waitFor(async () => (await known(name)) === 101, { what: 'the statistics to be whole' })
    },
  )

  test('may fail to be made: the run has succeeded, and the worker goes on', async () => {
    await engine.define([assetOf('seen/failing', { disposition: 'replace' })])
    await engine.succeed('seen/failing')
    // An index over a function is analyzed by calling it, which is the only way into ANALYZE. Sequences forget nothing when a transaction fails.
    await engine.query(`CREATE SEQUENCE seen.failures`)
    await engine.query(
      `CREATE FUNCTION seen.fails(bigint) RETURNS bigint IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
         IF (SELECT count(*) FROM millrace.step WHERE asset = 'seen/failing' AND status = 'succeeded') < 2 THEN RETURN $1; END IF;
         PERFORM nextval('seen.failures'); RAISE EXCEPTION 'no statistics today'; END $$`,
    )
    await engine.query(`CREATE INDEX ON seen.failing (seen.fails(id))`)
    const second = await engine.succeed('seen/failing')
    expect(second.step.result).toMatchObject({ how: 'swapped' })
    await waitFor(() => engine.value(`SELECT is_called FROM seen.failures`), { what: 'the statistics to fail' })
    await engine.define([assetOf('seen/other', { disposition: 'replace' })])
    await engine.succeed('seen/other')
    expect(await known('failing')).toBe(11)
    expect(await engine.view(second.id)).toMatchObject({ status: 'succeeded', step: { status: 'succeeded', attempt: 1, error: null } })
    expect((await engine.view(second.id)).events.filter(({ level }) => level !== 'info')).toEqual([])
  })
})
