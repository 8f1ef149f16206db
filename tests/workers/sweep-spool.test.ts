import { randomUUID } from 'node:crypto'
import { utimes } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import type { SpoolPlace } from '../../src/config.ts'
import { table } from '../../src/definitions/table.ts'
import { openSpool } from '../../src/spool/open-spool.ts'
import type { Spool } from '../../src/spool/spool.ts'
import { sweepSpool } from '../../src/workers/sweep-spool.ts'
import { entriesOf } from '../contracts/spool.ts'
import { startEngine, testLogger } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { startS3Server } from '../support/s3.ts'
import { atFileEnd, describe, expect, redisUrl, temporaryFolder, test, waitFor } from '../support/test.ts'

async function placeOf(kind: SpoolPlace['kind']): Promise<SpoolPlace> {
  if (kind === 'files') return { kind, folder: await temporaryFolder() }
  if (kind === 'redis') return { kind, url: redisUrl ?? '', prefix: randomUUID() }
  const { bucket, env } = await startS3Server()
  return { kind, bucket, prefix: 'spool', endpoint: undefined, region: undefined, pathStyle: undefined, env }
}

/** A step with recorded batches that nobody transforms, in the middle of its source. */
async function liveStep(engine: Engine, key: string) {
  const goOn = Promise.withResolvers<void>()
  const asset = table({
    key,
    columns: z.object({ id: z.int32() }),
    extract: async function* ({ signal }) {
      for (let id = 0; id < 3; id += 1) yield [{ id }]
      signal.addEventListener('abort', () => goOn.resolve())
      await goOn.promise
    },
  })
  const { location } = await engine.define([asset], { queues: ['extract', 'load'], batchBytes: 1 })
  const { runId } = await engine.launch(key)
  const batches = await waitFor(
    async () => {
      const rows = await engine.query<{ id: string; name: string }>(
        `SELECT b.id, b.raw->>'name' AS name FROM millrace.batch b JOIN millrace.step s ON s.id = b.step_id WHERE s.run_id = $1 ORDER BY b.ordinal`,
        [runId],
      )
      return rows.length === 3 ? rows : undefined
    },
    { what: 'three batches to be recorded' },
  )
  const [step] = await engine.query<{ id: string; claim: number }>('SELECT id, claim FROM millrace.step WHERE run_id = $1', [runId])
  if (step === undefined) throw new Error('there is a step')
  return { step, batches, runId, location, goOn }
}

const namesIn = async (spool: Spool): Promise<string[]> => (await entriesOf(spool)).map((one) => one.name).toSorted()

describe('what was left behind in the spool', () => {
  test.for(['files', 'redis', 's3'] as const)('is swept, and nothing that a live step refers to, or may come to refer to (%s)', async (kind, { skip }) => {
    if (kind === 'redis' && redisUrl === undefined) skip('no Redis')
    const place = await placeOf(kind)
    const engine = await startEngine({ backend: 'postgres', spool: place })
    const spool = await openSpool(place)
    atFileEnd(() => spool.close())
    const { step, batches, goOn } = await liveStep(engine, `left/${kind}`)
    const [first, second, third] = batches
    if (first === undefined || second === undefined || third === undefined) throw new Error('there are three')
    // A claim later, as after a crash; one batch was encoded by its second claim, one is loaded.
    await engine.query('UPDATE millrace.step SET claim = claim + 1 WHERE id = $1', [step.id])
    const of = (generation: number, owner: string, kindOfFile: string): string => `${step.id}/${String(generation)}/${owner}-${randomUUID()}.${kindOfFile}`
    const encoded = of(1, `${second.id}-2`, 'copy')
    await engine.query(`UPDATE millrace.batch SET claim = 3, status = 'encoded', encoded = jsonb_build_object('name', $2::text) WHERE id = $1`, [
      second.id,
      encoded,
    ])
    await engine.query(`UPDATE millrace.batch SET claim = 3, status = 'loaded' WHERE id = $1`, [third.id])
    await engine.query(`UPDATE millrace.batch SET claim = 3 WHERE id = $1`, [first.id])
    const kept = [
      encoded,
      of(1, String(step.claim + 1), 'raw'), // being written by the present claim
      of(1, `${first.id}-3`, 'copy'),
      `${of(1, `${first.id}-3`, 'copy')}.writing-1`,
      `${step.id}/1/${randomUUID()}.raw`, // as older versions named them
      `${randomUUID()}/1/1-${randomUUID()}.raw`, // of a step that is not known, and young
      'photos/2026/1-cat.raw',
    ]
    const orphans = [
      of(1, String(step.claim), 'raw'), // spooled, and never recorded
      `${of(1, String(step.claim), 'raw')}.writing-1`,
      of(0, String(step.claim + 1), 'raw'), // of a generation before
      of(1, `${first.id}-2`, 'copy'), // of a claim that was lost
      of(1, `${second.id}-1`, 'copy'),
      of(1, `${third.id}-3`, 'copy'), // loaded
      of(1, '999999-1', 'copy'),
    ]
    for (const name of [...kept, ...orphans]) await spool.write(name, [Buffer.from('x')], { durable: false })
    expect(await sweepSpool({ pool: engine.database.pool, spool, logger: testLogger })).toBe(orphans.length + 1)
    expect(await namesIn(spool)).toEqual([...kept, first.name, second.name].toSorted())
    goOn.resolve()
    await engine.stop()
  })

  test('of steps that ended is swept when the clean-up has been there, and of unknown ones after a week', async () => {
    const place = await placeOf('files')
    const engine = await startEngine({ backend: 'postgres', spool: place, producers: 'none' })
    const spool = await openSpool(place)
    const { step, batches, runId, goOn } = await liveStep(engine, 'left/ended')
    goOn.resolve()
    await engine.cancel(runId)
    await engine.ended(runId)
    const late = `${step.id}/1/1-${randomUUID()}.raw`
    const old = `${randomUUID()}/1/1-${randomUUID()}.raw`
    for (const name of [late, old]) await spool.write(name, [Buffer.from('x')], { durable: false })
    const sweep = () => sweepSpool({ pool: engine.database.pool, spool, logger: testLogger })
    expect(await sweep()).toBe(0)
    await engine.query('UPDATE millrace.step SET cleaned_at = now() WHERE id = $1', [step.id])
    expect(await sweep()).toBe(batches.length + 1)
    expect(await namesIn(spool)).toEqual([old])
    const longAgo = Date.now() / 1000 - 8 * 24 * 3600
    await utimes(join(place.kind === 'files' ? place.folder : '', old), longAgo, longAgo)
    expect(await sweep()).toBe(1)
    expect(await namesIn(spool)).toEqual([])
    await engine.stop()
  })

  test('is swept by workers, by one for all', async () => {
    const place = await placeOf('files')
    const engine = await startEngine({ backend: 'postgres', spool: place, producers: 'none' })
    const spool = await openSpool(place)
    const { step, batches, location, goOn } = await liveStep(engine, 'left/by-workers')
    await spool.write(`${step.id}/0/1-${randomUUID()}.raw`, [Buffer.from('x')], { durable: false })
    await engine.work(location, { queues: ['load'], spoolSweepMs: 100 })
    await waitFor(async () => (await namesIn(spool)).length === batches.length, { what: 'the orphan to be swept' })
    const swept = () => engine.value(`SELECT value #>> '{}' FROM millrace.setting WHERE name = 'spool swept'`)
    const at = await swept()
    await waitFor(async () => (await swept()) !== at, { what: 'the next turn' })
    goOn.resolve()
    await engine.stop()
  })
})
