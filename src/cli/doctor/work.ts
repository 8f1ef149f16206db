import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type pg from 'pg'
import { readBoardAddress } from '../../catalog/board-address.ts'
import { isForgottenSql } from '../../catalog/forgotten.ts'
import { createLocationReader, forgetAdvice, readLocationStandings } from '../../catalog/read/locations.ts'
import type { LocationRead, LocationStanding } from '../../catalog/read/locations.ts'
import { readLiveProcesses } from '../../catalog/read/processes.ts'
import type { ProcessRead } from '../../catalog/read/processes.ts'
import { readSchedules } from '../../catalog/read/schedules.ts'
import { spoolName } from '../../config.ts'
import type { Config, SpoolPlace } from '../../config.ts'
import { moment } from '../../definitions/moment.ts'
import { queueKinds } from '../../queues/jobs.ts'
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
    ...workerFindings(await readLocationStandings(client), processes),
    ...(await spoolFindings(client, config)),
    ...locationFindings(locations),
    ...(await tickFindings(client, locations)),
    ...(await outboxFindings(client)),
    await boardFinding(client, config),
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

function workerFindings(locations: readonly LocationStanding[], processes: readonly ProcessRead[]): Finding[] {
  const workers = processes.filter((one) => one.role === 'worker')
  const troubled = workers.flatMap((one) =>
    one.problem === null ? [] : [fault('workers', `process ${String(one.pid)} on ${one.host} takes no work: ${one.problem}`, 'Mend that, and restart it.')],
  )
  const start = 'Run `millrace worker` (`millrace dev` has one).'
  if (locations.length === 0) return [...troubled, warning('workers', 'no code location is known yet', start)]
  const findings = locations.map((location) => {
    const { name, version } = location
    const advice = forgetAdvice(location)
    if (version === null) return warning('workers', `${name} has no definitions in force`, `Mend its definitions; a worker then publishes them.${advice}`)
    const able = workers.filter((one) => one.versions[name] === version && one.problem === null)
    const missing = queueKinds.filter((kind) => !able.some((one) => one.queues.includes(kind)))
    if (missing.length === 0) return ok('workers', `${name}: ${String(able.length)}, for every kind of work`)
    return missing.length === queueKinds.length
      ? fault('workers', `${name}: nobody works it, so its runs wait`, `${start}${advice}`)
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

const lastStays = ' The version that loaded last stays in force until then.'

function locationFindings(locations: readonly LocationRead[]): Finding[] {
  return locations.flatMap(({ name, error, notice, manifest }) => [
    ...(error === null
      ? []
      : [fault('definitions', `${name}: ${error.message}`, `${error.hint ?? 'Mend the definitions.'}${manifest === null ? '' : lastStays}`)]),
    ...(notice === null ? [] : [ok('definitions', `${name}: ${notice}`)]),
  ])
}

async function tickFindings(client: pg.Client, locations: readonly LocationRead[]): Promise<Finding[]> {
  const inForce = new Set(locations.flatMap(({ name, manifest }) => (manifest?.schedules ?? []).map((one) => JSON.stringify([name, one.name]))))
  // Ticks stay of schedules that the definitions no longer have: nothing is to be mended there.
  const schedules = (await readSchedules(client)).filter(({ location, name }) => inForce.has(JSON.stringify([location, name])))
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
    `SELECT count(*)::int AS count, (array_agg(error->>'message' ORDER BY created_at DESC))[1] AS message FROM millrace.outbox WHERE status = 'failed' AND NOT ${isForgottenSql('outbox.location')}`,
  )
  const { count = 0, message = null } = rows[0] ?? {}
  if (count === 0) return []
  const what = count === 1 ? 'one was given up' : `${String(count)} were given up, the last one`
  return [warning('notifications', `${what}: ${redactText(message ?? 'nobody knows why')}`, 'Mend that, then `millrace notifications retry --all`.')]
}

/** The board is asked: where it says that it is, if that is this machine, and where the settings say. */
async function boardFinding(client: pg.Client, { host, port }: Config): Promise<Finding> {
  const told = await readBoardAddress(client)
  const own = `http://${host.includes(':') ? `[${host}]` : host.replace(/^0\.0\.0\.0$/, '127.0.0.1')}:${String(port)}`
  const places = [...new Set([...(told?.machine === hostname() ? [told.url] : []), ...(port === 0 ? [] : [own])])]
  const findings: Finding[] = []
  for (const url of places) {
    const finding = await askBoard(url)
    if (finding.level === 'ok') return finding
    findings.push(finding)
  }
  return findings.at(-1) ?? warning('board', 'PORT is 0, and no board has said where it is', 'Run `millrace board`, or set HOST and PORT to where it is.')
}

async function askBoard(url: string): Promise<Finding> {
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
