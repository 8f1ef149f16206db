import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { lead, resignLead } from '../../src/catalog/leader.ts'
import { publishManifest } from '../../src/catalog/manifests.ts'
import { eager } from '../../src/definitions/automation/conditions.ts'
import { asset } from '../../src/definitions/function-asset.ts'
import { defineLocation } from '../../src/definitions/location.ts'
import { manifestOf } from '../../src/definitions/manifest.ts'
import type { FaultPoint } from '../../src/fault-point.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { tickAutomations } from '../../src/producers/automation/tick.ts'
import { createQueues } from '../../src/queues/queues.ts'
import { testLogger } from '../support/engine.ts'
import { describe, expect, queuePrefix, spawnMillrace, temporaryFolder, test, waitFor } from '../support/test.ts'

const io = jsonFiles({ folder: 'values' })

describe('a leader that dies while it evaluates conditions', () => {
  test.for<FaultPoint>(['automation.written', 'automation.committed'])(
    'at %s: what they ask for is started once',
    async (point, { database: { pool, url } }) => {
      const name = point.replace('.', '_')
      const a = asset({ key: `${name}/a`, io, run: () => 1 })
      const b = asset({ key: `${name}/b`, io, deps: [a], run: () => 2, automation: eager() })
      await publishManifest(pool, manifestOf(defineLocation({ name, assets: [a, b] })), 'v1', undefined)
      const home = await temporaryFolder()
      const env = { DATABASE_URL: url, MILLRACE_HOME: home }
      const isSettled = `SELECT 1 FROM millrace.automation a WHERE location = $1 AND NOT again
        AND NOT EXISTS (SELECT FROM millrace.automation_change c WHERE c.location = a.location)`
      const settled = () =>
        waitFor(async () => (await pool.query(isSettled, [name])).rowCount === 1, { what: 'the conditions to be evaluated', timeoutMs: 60_000 })
      const queues = createQueues({ databaseUrl: url, redisUrl: undefined, prefix: queuePrefix, logger: testLogger })
      const leader = randomUUID()
      const epoch = (await lead(pool, 'producers', leader, 60_000)) ?? ''
      for (let round = 0; round < 2; round += 1) await tickAutomations({ pool, queues, logger: testLogger }, epoch)
      await queues.close()
      await resignLead(pool, 'producers', leader)

      await pool.query(`INSERT INTO millrace.asset (location, key, materialized_at, metadata) VALUES ($1, $2, clock_timestamp(), '{}')`, [name, a.key])
      const struck = spawnMillrace(['producers'], { ...env, MILLRACE_FAULT: `${point}=kill`, MILLRACE_FAULT_MARK: join(home, 'struck-') })
      expect((await struck.exited).signal).toBe('SIGKILL')
      const runs = async () => (await pool.query(`SELECT assets FROM millrace.run WHERE location = $1`, [name])).rows
      expect(await runs()).toHaveLength(point === 'automation.written' ? 0 : 1)

      // Nothing of this is about how soon the next one leads.
      await pool.query(`UPDATE millrace.leader SET lease_until = clock_timestamp()`)
      const next = spawnMillrace(['producers'], env)
      await settled()
      await next.stop()
      expect(await runs()).toEqual([{ assets: [b.key] }])
      const { rows } = await pool.query(`SELECT 1 FROM millrace.automation_evaluation WHERE location = $1 AND answer = 'requested'`, [name])
      expect(rows).toHaveLength(1)
    },
  )
})
