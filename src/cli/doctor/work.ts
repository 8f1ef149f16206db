import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type pg from 'pg'
import { createLocationReader } from '../../catalog/read/locations.ts'
import type { LocationRead } from '../../catalog/read/locations.ts'
import { readLiveProcesses } from '../../catalog/read/processes.ts'
import type { ProcessRead } from '../../catalog/read/processes.ts'
import { readSchedules } from '../../catalog/read/schedules.ts'
import { spoolName } from '../../config.ts'
import type { Config, SpoolPlace } from '../../config.ts'
import { queueKinds } from '../../queues/jobs.ts'
import { moment } from '../argument.ts'
import { reasonOf } from '../../postgres.ts'
import { redactText } from '../../redact.ts'
import { fault, ok, warning } from './finding.ts'
import type { Finding } from './finding.ts'

/** Who works: producers, workers, board; what they see and what failed. */
export async function examineWork(client: pg.Client, config: Config): Promise<Finding[]> {
  const processes = await readLiveProcesses(client)
  const locations = await createLocationReader().all(client)
  return [
    await leaderFinding(client),
    ...workerFindings(locations, processes),
    ...(await spoolFindings(client, config)),
    ...locationFindings(locations),
    ...(await tickFindings(client)),
    ...(await outboxFindings(client)),
    await boardFinding(config),
  ]
}

async function leaderFinding(client: pg.Client): Promise<Finding> {
  const { rows } = await client.query<{ host: string | null; pid: number | null }>(
    `SELECT process.host, process.pid FROM millrace.leader LEFT JOIN millrace.process ON process.id = leader.holder
     WHERE leader.name = 'producers' AND leader.lease_until > clock_timestamp()`,
  )
  const leader = rows[0]
  if (leader === undefined)
    return fault('producers', 'none lead: schedules do not tick, and nothing repairs what a crash left', 'Run `millrace producers` (`millrace dev` has them).')
  return ok('producers', `led by process ${String(leader.pid ?? '?')} on ${leader.host ?? '?'}`)
}

function workerFindings(locations: readonly LocationRead[], processes: readonly ProcessRead[]): Finding[] {
  const workers = processes.filter((one) => one.role === 'worker')
  const troubled = workers.flatMap((one) =>
    one.problem === null ? [] : [fault('workers', `process ${String(one.pid)} on ${one.host} takes no work: ${one.problem}`, 'Mend that, and restart it.')],
  )
  const start = 'Run `millrace worker` (`millrace dev` has one).'
  if (locations.length === 0) return [...troubled, warning('workers', 'no code location is known yet', start)]
  const findings = locations.map(({ name, version }) => {
    if (version === null) return warning('workers', `${name} has no definitions in force`, 'Mend its definitions; a worker then publishes them.')
    const able = workers.filter((one) => one.versions[name] === version && one.problem === null)
    const missing = queueKinds.filter((kind) => !able.some((one) => one.queues.includes(kind)))
    if (missing.length === 0) return ok('workers', `${name}: ${String(able.length)}, for every kind of work`)
    return missing.length === queueKinds.length
      ? fault('workers', `${name}: nobody works it, so its runs wait`, start)
      : fault('workers', `${name}: nobody does ${missing.join(', ')}, so runs wait there`, `Run \`millrace worker --queues ${missing.join(',')}\`.`)
  })
  return [...troubled, ...findings]
}

async function spoolFindings(client: pg.Client, config: Config): Promise<Finding[]> {
  const { rows } = await client.query<{ shared: string | null; seen: string[] }>(
    `SELECT (SELECT value #>> '{}' FROM millrace.setting WHERE name = 'spool') AS shared,
            (SELECT coalesce(array_agg(DISTINCT spool), '{}') FROM millrace.process
             WHERE role = 'worker' AND lease_until > clock_timestamp() AND spool IS NOT NULL) AS seen`,
  )
  const { shared = null, seen = [] } = rows[0] ?? {}
  const mine = await ownSpoolId(config.spool)
  if (seen.length > 1 || (shared !== null && seen.some((id) => id !== shared))) {
    return [
      fault(
        'spool',
        `workers see ${String(new Set([...seen, ...(shared === null ? [] : [shared])]).size)} different spools: batches of one are not found by the other`,
        'Set MILLRACE_SPOOL alike for all workers; where it is a folder, mount the same one.',
      ),
    ]
  }
  if (shared !== null && mine !== null && mine !== shared) {
    return [
      warning('spool', `${spoolName(config.spool)} is not the spool that the workers share`, 'Start no worker from here, or point MILLRACE_SPOOL to theirs.'),
    ]
  }
  return [ok('spool', seen.length === 0 ? 'no worker uses one at the moment' : 'all workers share one')]
}

/** The id of a folder. What is no folder is the same from everywhere, and would have to be made to be asked. */
async function ownSpoolId(place: SpoolPlace): Promise<string | null> {
  if (place.kind !== 'files') return null
  return readFile(join(place.folder, 'id'), 'utf8').then(
    (id) => id.trim(),
    () => null,
  )
}

function locationFindings(locations: readonly LocationRead[]): Finding[] {
  return locations.flatMap(({ name, error, notice }) => [
    ...(error === null ? [] : [fault('definitions', `${name}: ${error.message}`, error.hint ?? 'Mend the definitions; the last good version stays in force.')]),
    ...(notice === null ? [] : [ok('definitions', `${name}: ${notice}`)]),
  ])
}

async function tickFindings(client: pg.Client): Promise<Finding[]> {
  const schedules = await readSchedules(client)
  const failed = schedules.filter((one) => one.lastTickStatus === 'failed')
  const findings = failed.map(({ location, name, lastTickAt, lastTickError }) =>
    warning(
      'schedules',
      `the last tick of ${location}’s ${name}, ${lastTickAt === null ? '' : moment(lastTickAt)}, failed: ${lastTickError?.message ?? 'nobody knows why'}`,
      lastTickError?.hint ?? 'Mend that; the next tick tries again.',
    ),
  )
  return findings.length > 0 || schedules.length === 0 ? findings : [ok('schedules', `${String(schedules.length)}, no last tick failed`)]
}

async function outboxFindings(client: pg.Client): Promise<Finding[]> {
  const { rows } = await client.query<{ count: number; message: string | null }>(
    `SELECT count(*)::int AS count, (array_agg(error->>'message' ORDER BY created_at DESC))[1] AS message FROM millrace.outbox WHERE status = 'failed'`,
  )
  const { count = 0, message = null } = rows[0] ?? {}
  if (count === 0) return []
  const what = count === 1 ? 'one was given up' : `${String(count)} were given up, the last one`
  return [warning('notifications', `${what}: ${redactText(message ?? 'nobody knows why')}`, 'Mend that, then `millrace notifications retry --all`.')]
}

/** The board has no row of its own: it is asked. */
async function boardFinding({ host, port }: Config): Promise<Finding> {
  const url = `http://${host.includes(':') ? `[${host}]` : host.replace(/^0\.0\.0\.0$/, '127.0.0.1')}:${String(port)}`
  try {
    const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(3000) })
    if (answer.ok) return ok('board', `ready at ${url}`)
    const problem: unknown = await answer.json().catch(() => null)
    const detail = typeof problem === 'object' && problem !== null && 'detail' in problem ? String(problem.detail) : `status ${String(answer.status)}`
    return warning('board', `${url} is not ready: ${detail}`, 'See what it lacks above; if that is another program, set PORT.')
  } catch (error) {
    return warning(
      'board',
      `none answers at ${url}: ${reasonOf(error instanceof Error && error.cause !== undefined ? error.cause : error)}`,
      'Run `millrace board`, or set HOST and PORT to where it is.',
    )
  }
}
