import * as z from 'zod'
import { askForAutomation, setAutomationStopped } from '../catalog/automation.ts'
import { readAutomations, readEvaluations, readOutcome } from '../catalog/read/automation.ts'
import { findAsset } from '../catalog/read/partitioned-asset.ts'
import { answer, AutomatedState, automationStates, idOf } from './automation-state.ts'
import { MillraceError } from '../errors.ts'
import { Failure } from './failure.ts'
import type { Parts } from './parts.ts'
import { HttpError } from './problem.ts'
import { route } from './route.ts'
import { Accepted } from './sensors.ts'

const LocationName = z.object({ location: z.string() })

const Outcome = z
  .object({
    name: z.string().meta({ description: 'The condition, as it is written; of a dependency its key.' }),
    kind: z.string(),
    value: z.boolean(),
    why: z.string().optional().meta({ description: 'What made it so.' }),
    at: z.number().optional().meta({ description: 'When what made it true happened, in milliseconds since 1970.' }),
    get of() {
      return z.array(Outcome).optional()
    },
  })
  .meta({ id: 'ConditionOutcome' })
export type Outcome = z.output<typeof Outcome>

const JudgedPartition = z
  .object({
    partition: z.string().nullable().meta({ description: 'Null of an asset without partitions.' }),
    value: z.boolean(),
    requested: z.boolean(),
    held: z.string().nullable().meta({ description: 'Why it was not asked for, though its condition was true.' }),
    outcome: Outcome,
  })
  .meta({ id: 'ConditionOutcomeOfPartition' })
export type JudgedPartition = z.output<typeof JudgedPartition>

const AutomatedAsset = AutomatedState.extend({ asset: z.string() }).meta({ id: 'AutomatedAsset' })

const Automation = z
  .object({
    location: z.string(),
    stopped: z.boolean(),
    evaluatedAt: z.iso.datetime().nullable(),
    nextAt: z.iso.datetime().nullable().meta({ description: 'When it is evaluated though nothing happens; null where only an event has it evaluated.' }),
    tookMs: z.int().meta({ description: 'How long the last evaluation took, in milliseconds.' }),
    error: Failure.nullable().meta({ description: 'Why the last evaluation came to nothing.' }),
    assets: z.array(AutomatedAsset),
  })
  .meta({ id: 'Automation' })
export type Automation = z.output<typeof Automation>

/** The automation of every location that is loaded and has conditions. */
export async function listAutomation({ pool, locations }: Pick<Parts, 'pool' | 'locations'>): Promise<Automation[]> {
  const all = await locations.all(pool)
  const [states, known] = await Promise.all([readAutomations(pool), automationStates(pool, all)])
  return all.flatMap(({ name: location, manifest }) => {
    const automated = (manifest?.assets ?? []).flatMap(({ key }) => {
      const state = known.get(idOf(location, key))
      return state === undefined ? [] : [{ asset: key, ...state }]
    })
    if (automated.length === 0) return []
    const { stopped = false, evaluatedAt = null, nextAt = null, tookMs = 0, error = null } = states.find((one) => one.location === location) ?? {}
    return [{ location, stopped, evaluatedAt, nextAt, tookMs, error, assets: automated }]
  })
}

const listRoute = route({
  method: 'get',
  path: '/automation',
  operation: 'listAutomation',
  summary: 'The automation conditions of every location, with what they were found to be',
  query: z.object({ location: z.string().optional() }),
  response: z.object({ locations: z.array(Automation) }).meta({ id: 'AutomationList' }),
}).handle(async ({ query, parts }) => ({
  body: { locations: (await listAutomation(parts)).filter((one) => query.location === undefined || one.location === query.location) },
}))

const Evaluation = z
  .object({
    id: z.string(),
    at: z.iso.datetime(),
    answer,
    reason: z.string(),
    partitions: z.array(z.string()).meta({ description: 'Those that were asked for, the first hundred.' }),
    runs: z.array(z.uuid()),
    outcome: z.array(JudgedPartition).meta({ description: 'Of the partitions that were looked at, the first five: those that were asked for before others.' }),
    error: Failure.nullable(),
  })
  .meta({ id: 'AutomationEvaluation' })
export type Evaluation = z.output<typeof Evaluation>

const AssetHistory = z
  .object({
    asset: z.string(),
    answer: answer.nullable(),
    reason: z.string().nullable(),
    since: z.iso.datetime().nullable(),
    outcome: z.array(JudgedPartition).meta({ description: 'What each part of the condition is at present.' }),
    evaluations: z.array(Evaluation).meta({ description: 'Those that asked for something, or answered otherwise than the one before; the newest first.' }),
  })
  .meta({ id: 'AutomationHistory' })
export type AssetHistory = z.output<typeof AssetHistory>

/** The location of an asset that has a condition. @throws MillraceError `UNKNOWN_ASSET`, `LOCATION_AMBIGUOUS`, `NOT_AUTOMATED` */
export async function automatedLocation({ pool, locations }: Pick<Parts, 'pool' | 'locations'>, asset: string, location?: string): Promise<string> {
  const found = await findAsset(pool, locations, asset, location)
  const spec = (await locations.all(pool)).find(({ name }) => name === found.location)?.manifest?.assets.find(({ key }) => key === asset)
  if (spec?.automation !== undefined) return found.location
  throw new MillraceError(`The asset ${asset} of ${found.location} has no condition.`, {
    code: 'NOT_AUTOMATED',
    hint: '`millrace automation list` shows those that have one.',
  })
}

/** What an asset's condition is at present, and the evaluations that are kept. */
export async function automationHistory(
  { pool }: Pick<Parts, 'pool'>,
  location: string,
  asset: string,
  { limit, before }: { readonly limit: number; readonly before?: string | undefined },
): Promise<AssetHistory> {
  const [now, evaluations] = await Promise.all([readOutcome(pool, location, asset), readEvaluations(pool, location, asset, limit, before)])
  const parsed = z.array(JudgedPartition)
  return {
    asset,
    answer: now?.answer ?? null,
    reason: now?.reason ?? null,
    since: now?.since ?? null,
    outcome: parsed.parse(now?.outcome ?? []),
    evaluations: evaluations.map((one) => ({ ...one, outcome: parsed.parse(one.outcome) })),
  }
}

const historyRoute = route({
  method: 'get',
  path: '/automation/{location}/evaluations',
  operation: 'listEvaluations',
  summary: 'Why an asset was started by its condition, or was not',
  params: LocationName,
  query: z.object({
    asset: z.string(),
    limit: z.coerce.number<string>().int().min(1).max(100).default(20),
    before: z
      .string()
      .regex(/^\d{1,18}$/, 'must be the id of an evaluation')
      .optional(),
  }),
  response: AssetHistory,
  problems: [404],
}).handle(async ({ params, query, parts }) => {
  const location = await automatedLocation(parts, query.asset, params.location)
  return { body: await automationHistory(parts, location, query.asset, query) }
})

const changed = z.object({ location: z.string(), stopped: z.boolean() }).meta({ id: 'AutomationState' })

const switchRoute = (operation: 'startAutomation' | 'stopAutomation', stopped: boolean) =>
  route({
    method: 'post',
    path: `/automation/{location}/${stopped ? 'stop' : 'start'}`,
    operation,
    summary: stopped ? 'Stop the automation of a location' : 'Start the automation of a location',
    description: stopped ? 'Runs that it has started go on.' : 'What happened while it was stopped is looked at now.',
    params: LocationName,
    response: changed,
    problems: [403, 404],
  }).handle(async ({ params: { location }, parts }) => {
    if (!(await setAutomationStopped(parts.pool, location, stopped))) throw unknown(location)
    return { body: { location, stopped } }
  })

const evaluateRoute = route({
  method: 'post',
  path: '/automation/{location}/evaluate',
  operation: 'evaluateAutomation',
  summary: 'Evaluate the conditions of a location in the next round',
  params: LocationName,
  response: Accepted,
  statuses: { 202: 'It is asked for' },
  problems: [403, 404],
}).handle(async ({ params: { location }, parts }) => {
  if (!(await askForAutomation(parts.pool, location))) throw unknown(location)
  return { status: 202, body: { accepted: true as const } }
})

function unknown(location: string): HttpError {
  return new HttpError(404, 'UNKNOWN_AUTOMATION', `The location ${location} has no automation, or it is stopped.`, {
    hint: 'GET /api/v1/automation lists the locations that have conditions. One whose definitions are new is known once the producers have looked at it.',
  })
}

export const automationRoutes = [listRoute, historyRoute, switchRoute('startAutomation', false), switchRoute('stopAutomation', true), evaluateRoute]
