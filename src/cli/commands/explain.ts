import { Command } from '@commander-js/extra-typings'
import { explainRun } from '../../api/explain.ts'
import type { Explanation } from '../../api/explain.ts'
import { automationStates, idOf } from '../../api/automation-state.ts'
import type { AutomatedState } from '../../api/automation-state.ts'
import { createPool } from '../../catalog/database.ts'
import { createLocationReader } from '../../catalog/read/locations.ts'
import type { LocationRead } from '../../catalog/read/locations.ts'
import type { Queryable } from '../../catalog/read/row.ts'
import { moment } from '../../definitions/moment.ts'
import { MillraceError } from '../../errors.ts'
import { harmless } from '../argument.ts'
import { readEnvironment } from '../environment.ts'
import { requireInstallation } from '../installation.ts'
import { findRun, idRange } from '../find-by-id.ts'
import { createStandardOutput } from '../standard-output.ts'
import { formatTable } from '../table-output.ts'

export function explainCommand() {
  return new Command('explain')
    .description('Why a run or a step does not go on: what holds it, since when, and what to do; or what became of it.')
    .argument('<what>', 'a run or a step by its id or the beginning of it, or an asset: then its newest run that has not ended')
    .option('--json', 'print one object')
    .action(async (what, { json }) => {
      const { config, logger } = readEnvironment()
      const { databaseUrl } = await requireInstallation(config)
      const pool = createPool({ url: databaseUrl, max: 2, name: 'millrace explain', logger })
      try {
        const locations = await createLocationReader().all(pool)
        const automation = await readConditions(pool, locations, what)
        // What the definitions have is an asset, though it was never run.
        const isAsset = locations.some(({ manifest }) => manifest?.assets.some(({ key }) => key === what) === true)
        const found = (await newestOf(pool, what)) ?? (isAsset ? undefined : await findRunOrStep(pool, what))
        const explained = found === undefined ? undefined : await explainRun({ pool }, found.runId)
        if (found !== undefined && explained === undefined) throw new MillraceError(`The run ${found.runId} is gone.`, { code: 'RUN_UNKNOWN' })
        const about = explained === undefined ? `No run of ${what} is known.\n` : describe(explained, found?.asset)
        await createStandardOutput().write(
          json === true
            ? `${JSON.stringify({ ...explained, ...(automation.length === 0 ? {} : { automation }) }, null, 2)}\n`
            : [about, ...automation.map(({ message }) => `${harmless(message)} \`millrace automation show ${what}\` tells more.\n`)].join(''),
        )
      } finally {
        await pool.end()
      }
    })
}

/** What the conditions of an asset of that key were found to be: one for each location that has it, none where it has no condition. */
async function readConditions(pool: Queryable, locations: readonly LocationRead[], key: string): Promise<(AutomatedState & { readonly location: string })[]> {
  const states = await automationStates(pool, locations)
  return locations.flatMap(({ name: location }) => {
    const state = states.get(idOf(location, key))
    return state === undefined ? [] : [{ location, ...state }]
  })
}

/**
 * The newest run of an asset, one that has not ended before others. Of a million steps a few are looked at, by indexes that begin with the location: those that have not
 * ended, the one that began last, and those that were skipped before they began.
 */
async function newestOf(pool: Queryable, what: string): Promise<{ readonly runId: string; readonly asset: string } | undefined> {
  const { rows } = await pool.query<{ runId: string; asset: string }>(
    `SELECT found.run_id AS "runId", $1::text AS asset FROM millrace.location l
       CROSS JOIN LATERAL (
         (SELECT run_id FROM millrace.step WHERE location = l.name AND asset = $1 AND ended_at IS NULL)
         UNION ALL (SELECT run_id FROM millrace.step WHERE location = l.name AND asset = $1 AND started_at IS NOT NULL ORDER BY started_at DESC LIMIT 1)
         UNION ALL (SELECT run_id FROM millrace.step WHERE location = l.name AND asset = $1 AND started_at IS NULL AND ended_at IS NOT NULL)) found
       CROSS JOIN LATERAL (SELECT created_at, ended_at FROM millrace.run WHERE id = found.run_id OFFSET 0) run
     ORDER BY run.ended_at IS NOT NULL, run.created_at DESC LIMIT 1`,
    [what],
  )
  return rows[0]
}

const shortestStepId = 6

/** The run that is meant, and the asset where one step of it is. */
async function findRunOrStep(pool: Queryable, what: string): Promise<{ readonly runId: string; readonly asset?: string }> {
  const range = what.length >= shortestStepId ? idRange(what.toLowerCase()) : undefined
  const { rows: ofStep } =
    range === undefined
      ? { rows: [] }
      : await pool.query<{ runId: string; asset: string }>(`SELECT run_id AS "runId", asset FROM millrace.step WHERE id BETWEEN $1 AND $2 LIMIT 2`, [...range])
  if (ofStep.length === 1 && ofStep[0] !== undefined) return ofStep[0]
  return { runId: await findRun(pool, what) }
}

function describe(explained: Explanation, asset: string | undefined): string {
  const step = explained.steps.find((one) => one.asset === asset)
  const head =
    step === undefined
      ? `Run ${explained.run} (${explained.status})\n${explained.message}\n`
      : `${step.asset} (${step.status}) of run ${explained.run} (${explained.status})\n${step.message}\n`
  const waits = step === undefined ? explained.waitsFor : step.waitsFor
  const holders = waits?.holders ?? []
  const parts = [harmless(head)]
  if (holders.length > 0) {
    parts.push(
      formatTable(
        [{ name: 'held by run' }, { name: 'step' }, { name: 'since' }],
        holders.map((one) => [one.runId, one.asset ?? '', moment(one.since)]),
      ),
    )
  }
  if (step === undefined && explained.waitsFor === null) {
    parts.push(
      formatTable(
        [{ name: 'step' }, { name: 'status' }, { name: 'why' }],
        explained.steps.map((one) => [one.asset, one.status, one.message]),
      ),
    )
  }
  return parts.join('\n')
}
