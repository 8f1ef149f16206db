import * as z from 'zod'
import { table } from '../../src/definitions/table.ts'
import { startEngine } from '../support/engine.ts'
import { describeBackends, expect, test, waitFor } from '../support/test.ts'

const Row = z.object({ id: z.int(), filling: z.string() })

describeBackends('the window', (backend) => {
  test('lets no more batches lie between extract and load than it says, and takes all of them in the end', async () => {
    const engine = await startEngine({ backend })
    // Counted by the database in the same transaction that records a batch: no moment is missed.
    await engine.query(`CREATE TABLE in_flight (n int)`)
    await engine.query(
      `CREATE FUNCTION count_in_flight() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         INSERT INTO in_flight SELECT count(*) FROM millrace.batch WHERE step_id = NEW.step_id AND status <> 'loaded'; RETURN NULL; END $$`,
    )
    await engine.query(`CREATE TRIGGER count_in_flight AFTER INSERT ON millrace.batch FOR EACH ROW EXECUTE FUNCTION count_in_flight()`)
    let pulled = 0
    const asset = table({
      key: 'window/rows',
      columns: Row,
      *extract() {
        for (; pulled < 40; pulled += 1) yield [{ id: pulled, filling: 'x'.repeat(2000) }]
      },
    })
    const settings = { batchBytes: 1024, window: 3 }
    const { location } = await engine.define([asset], { ...settings, queues: ['extract', 'load'] })
    const { runId } = await engine.launch('window/rows')
    await waitFor(async () => (await engine.value('SELECT count(*)::int FROM millrace.batch')) === 3, { what: 'the window to be full' })
    await engine.work(location, { ...settings, queues: ['transform'] })
    expect((await engine.ended(runId)).step).toMatchObject({ status: 'succeeded', batches: 40 })
    expect(await engine.query('SELECT max(n) AS most, count(*)::int AS batches FROM in_flight')).toEqual([{ most: 3, batches: 40 }])
    expect(await engine.query('SELECT count(*)::int AS rows, count(DISTINCT id)::int AS ids FROM "window".rows')).toEqual([{ rows: 40, ids: 40 }])
  })
})
