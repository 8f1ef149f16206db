import { randomUUID } from 'node:crypto'
import express, { Router } from 'express'
import type { Request, Response } from 'express'
import * as z from 'zod'
import { chooseAssets, listAssets } from '../api/assets.ts'
import { backfillDetail, backfillList, BackfillQuery, stopBackfill, takeUpBackfill, unknownBackfill } from '../api/backfills.ts'
import { configErrors, configFields, parseConfigForm } from '../api/config-form.ts'
import { forget, forgetView } from '../api/locations.ts'
import { listOutbox, notGivenUp, OutboxQuery, sendAgain } from '../api/notifications.ts'
import { overview } from '../api/overview.ts'
import { partitionsDetail } from '../api/partitions.ts'
import type { Parts } from '../api/parts.ts'
import { HttpError, problemOf } from '../api/problem.ts'
import { parseQuarantineQuery, quarantinePage } from '../api/quarantine.ts'
import { cancelRun, newestEvents, relaunchRun, retryRun, startRun, unknownRun } from '../api/run-actions.ts'
import { runPageView, StepChoice } from '../api/run-steps.ts'
import { backfillPage } from './backfill-page.ts'
import { backfillsPage } from './backfills-page.ts'
import { problemPage } from './layout.ts'
import { forgetPage } from './forget-page.ts'
import { materializePage } from './materialize-page.ts'
import type { MaterializeView } from './materialize-page.ts'
import { notificationsPage } from './notifications-page.ts'
import { overviewPage } from './overview-page.ts'
import { partitionsPage } from './partitions-page.ts'
import { quarantinePageView } from './quarantine-page.ts'
import { runPage } from './run-page.ts'

/** The paths that take a form of ours. */
export const formPaths =
  /^\/(materialize|locations\/[^/]+\/forget|runs\/[0-9a-fA-F-]{36}\/(cancel|retry|relaunch)|backfills\/[0-9a-fA-F-]{36}\/(cancel|retry)|notifications\/[0-9a-fA-F-]{36}\/retry)$/

/** As many events as a person scrolls through; the API has them all. */
const logLimit = 500
/** Each may hold a large record. */
const quarantineLimit = 50
/** Lines of partitions that stand alike. */
const stretchLimit = 100

/** What is pressed again so soon was pressed twice. */
const samePressMs = 10_000

const Partitioned = z.object({ asset: z.string().min(1), location: z.string().optional() })
const Choice = z.object({ location: z.string(), assets: z.string() })
const Form = z.looseObject({ location: z.string(), assets: z.string(), idempotency_key: z.uuid() }).catchall(z.string())

/** The pages. `parts` throws while the board is still starting. */
export function pageRouter(parts: () => Parts): Router {
  const router = Router()
  router.get('/', async (_request, response) => {
    sendPage(response, overviewPage(await overview(parts()), Date.now()))
  })
  router.get('/runs/:id', async (request, response) => {
    const id = idOf(request, unknownRun)
    const [run, events] = await Promise.all([runPageView(parts(), id, parsedQuery(StepChoice, request.query)), newestEvents(parts(), id, logLimit)])
    if (run === undefined) throw unknownRun(id)
    sendPage(response, runPage(run, events, Date.now()))
  })
  router.get('/quarantine', async (request, response) => {
    sendPage(response, quarantinePageView(await quarantinePage(parts(), parseQuarantineQuery(request.query), quarantineLimit)))
  })
  router.get('/notifications', async (request, response) => {
    const query = parsedQuery(OutboxQuery, request.query)
    sendPage(response, notificationsPage(await listOutbox(parts(), query), query))
  })
  router.post('/notifications/:id/retry', async (request, response) => {
    await sendAgain(parts(), idOf(request, notGivenUp))
    response.redirect(303, '/notifications')
  })
  router.get('/backfills', async (request, response) => {
    const query = parsedQuery(BackfillQuery, request.query)
    sendPage(response, backfillsPage(await backfillList(parts(), query), query, Date.now()))
  })
  router.get('/backfills/:id', async (request, response) => {
    const id = idOf(request, unknownBackfill)
    const backfill = await backfillDetail(parts(), id)
    if (backfill === undefined) throw unknownBackfill(id)
    sendPage(response, backfillPage(backfill, Date.now()))
  })
  router.post('/backfills/:id/cancel', async (request, response) => {
    const id = idOf(request, unknownBackfill)
    await stopBackfill(parts(), id)
    response.redirect(303, `/backfills/${id}`)
  })
  router.post('/backfills/:id/retry', async (request, response) => {
    const id = idOf(request, unknownBackfill)
    await takeUpBackfill(parts(), id)
    response.redirect(303, `/backfills/${id}`)
  })
  router.get('/locations/:name/forget', async (request, response) => {
    sendPage(response, forgetPage(await forgetView(parts(), request.params.name)))
  })
  router.post('/locations/:name/forget', async (request, response) => {
    await forget(parts(), request.params.name, 'page')
    response.redirect(303, '/')
  })
  router.get('/partitions', async (request, response) => {
    const which = Partitioned.safeParse(request.query)
    if (!which.success) throw new HttpError(400, 'REQUEST_INVALID', 'The address does not say which asset.', { hint: 'Choose one on the overview.' })
    sendPage(response, partitionsPage(await partitionsDetail(parts(), which.data.asset, which.data.location, stretchLimit)))
  })
  router.post('/runs/:id/cancel', async (request, response) => {
    const id = idOf(request, unknownRun)
    await cancelRun(parts(), id)
    response.redirect(303, `/runs/${id}`)
  })
  router.post('/runs/:id/retry', async (request, response) => {
    const id = idOf(request, unknownRun)
    await retryRun(parts(), id)
    response.redirect(303, `/runs/${id}`)
  })
  router.post('/runs/:id/relaunch', async (request, response) => {
    const id = idOf(request, unknownRun)
    // A button that is pressed twice launches one run.
    const idempotencyKey = `page relaunch ${id} ${String(Math.floor(Date.now() / samePressMs))}`
    const { runId } = await relaunchRun(parts(), id, { launchedBy: 'page', idempotencyKey })
    response.redirect(303, `/runs/${runId}`)
  })
  router.get('/materialize', async (request, response) => {
    const choice = Choice.safeParse(request.query)
    if (!choice.success) throw new HttpError(400, 'REQUEST_INVALID', 'The address does not say which assets.', { hint: 'Choose one on the overview.' })
    const { selection, fields, keys, location, partitioned } = await chosen(parts(), choice.data)
    if (keys.length === 0)
      throw new HttpError(404, 'LOCATION_UNKNOWN', `There is no location ${location} that has assets.`, { hint: 'Choose some on the overview.' })
    const partitions = partitionsField(partitioned)
    sendPage(response, materializePage({ location, selection, keys, partitions, fields, values: {}, errors: {}, idempotencyKey: randomUUID() }))
  })
  router.post('/materialize', express.urlencoded({ extended: false, limit: '1mb' }), async (request, response) => {
    await submit(parts(), request, response)
  })
  return router
}

/** What an address asks for. @throws HttpError `REQUEST_INVALID` */
function parsedQuery<T extends z.ZodType>(schema: T, query: Request['query']): z.output<T> {
  const parsed = schema.safeParse(query)
  if (parsed.success) return parsed.data
  const wrong = parsed.error.issues.map((issue) => `${issue.path.join('.')} (${issue.message})`).join(', ')
  throw new HttpError(400, 'REQUEST_INVALID', `The address asks for what there cannot be: ${wrong}.`, {
    hint: 'Leave out what stands behind its question mark.',
  })
}

/** The id in a path. @throws what says that there is no such thing */
function idOf(request: Request, unknown: (id: string) => HttpError): string {
  const given = String(request.params['id'])
  const id = z.uuid().safeParse(given)
  if (!id.success) throw unknown(given)
  return id.data
}

async function chosen(parts: Parts, { location, assets: selection }: z.output<typeof Choice>) {
  const own = (await listAssets(parts)).filter((one) => one.location === location)
  const assets = chooseAssets(own, selection)
  return { location, selection, keys: assets.map((one) => one.key), fields: configFields(assets), partitioned: assets.some((one) => one.partitions !== null) }
}

/** What the form asks of partitions: those that were typed, or where there are any, none yet. */
const partitionsField = (partitioned: boolean, value = ''): MaterializeView['partitions'] => (partitioned ? { value } : undefined)

async function submit(parts: Parts, request: Request, response: Response): Promise<void> {
  const form = Form.safeParse(request.body)
  if (!form.success) throw new HttpError(400, 'REQUEST_INVALID', 'The form is not complete.', { hint: 'Open it again from the overview.' })
  const { selection, fields, keys, location, partitioned } = await chosen(parts, form.data)
  const asked = (form.data['partitions'] ?? '').split(/\r?\n/).map((line) => line.trim())
  const values = Object.fromEntries(fields.map((field) => [field.name, form.data[`config.${field.name}`] ?? '']))
  const typed = parseConfigForm(fields, values)
  const refuse = (errors: MaterializeView['errors'], problem?: MaterializeView['problem'], status = 422): void => {
    const idempotencyKey = form.data.idempotency_key
    response.status(status)
    sendPage(
      response,
      materializePage({
        location,
        selection,
        keys,
        partitions: partitionsField(partitioned, form.data['partitions']),
        fields,
        values,
        errors,
        problem,
        idempotencyKey,
      }),
    )
  }
  if (Object.keys(typed.errors).length > 0) {
    refuse(typed.errors)
    return
  }
  try {
    const { runId: id } = await startRun(parts, {
      assets: [selection],
      location,
      config: typed.config,
      ...(partitioned ? { partitions: asked.filter((line) => line !== '') } : {}),
      launchedBy: 'page',
      idempotencyKey: `page ${form.data.idempotency_key}`,
    })
    response.redirect(303, `/runs/${id}`)
  } catch (error) {
    const problem = problemOf(error)
    if (problem.status >= 500) throw error
    const errors = problem.code === 'CONFIG_INVALID' ? configErrors(fields, problem.detail) : {}
    refuse(errors, Object.keys(errors).length === 0 ? problem : undefined, problem.status)
  }
}

function sendPage(response: Response, text: string): void {
  response.set('cache-control', 'no-store').type('html').send(text)
}

/** Answers an error as a page. */
export function sendProblemPage(response: Response, error: unknown): void {
  const problem = problemOf(error)
  response.status(problem.status)
  // What is away for a moment is looked for again; a form that was sent is not sent twice.
  sendPage(response, problemPage(problem, problem.status === 503 && response.req.method === 'GET' ? 2 : undefined))
}
