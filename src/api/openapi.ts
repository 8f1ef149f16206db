import * as z from 'zod'
import { createDocument } from 'zod-openapi'
import type { ZodOpenApiOperationObject, ZodOpenApiPathsObject } from 'zod-openapi'
import { assetReportRoutes } from './asset-reports.ts'
import { assetRoutes } from './assets.ts'
import { automationRoutes } from './automation.ts'
import { backfillRoutes } from './backfills.ts'
import { checkRoutes } from './check-result.ts'
import { partitionKeyRoutes } from './partition-keys.ts'
import { partitionRoutes } from './partitions.ts'
import { notificationRoutes } from './notifications.ts'
import { Problem } from './problem.ts'
import { QuarantineQuery } from './quarantine.ts'
import type { Route } from './route.ts'
import { jobRoutes } from './jobs.ts'
import { locationRoutes } from './locations.ts'
import { runQueueRoutes } from './run-queue.ts'
import { runRoutes } from './runs.ts'
import { scheduleRoutes } from './schedules.ts'
import { sensorRoutes } from './sensors.ts'

/** Every route of the API. */
export const apiRoutes: readonly Route[] = [
  ...runRoutes,
  ...runQueueRoutes,
  ...jobRoutes,
  ...assetRoutes,
  ...assetReportRoutes,
  ...locationRoutes,
  ...partitionRoutes,
  ...partitionKeyRoutes,
  ...backfillRoutes,
  ...checkRoutes,
  ...scheduleRoutes,
  ...sensorRoutes,
  ...automationRoutes,
  ...notificationRoutes,
]

/** The folder under which the routes are served. */
export const apiBase = '/api/v1'

const stream: ZodOpenApiOperationObject = {
  operationId: 'streamChanges',
  summary: 'Says when something changed',
  description: 'Server-sent events. Each `change` means: read again what you show. At most four a second.',
  responses: { '200': { description: 'A stream that stays open', content: { 'text/event-stream': { schema: z.string() } } } },
}

const quarantine: ZodOpenApiOperationObject = {
  operationId: 'exportQuarantine',
  summary: 'Records in quarantine, the oldest first',
  description: 'JSON lines: each has the id, where the record came, what is wrong with it, and the record as it came. Nothing of it is redacted.',
  requestParams: { query: QuarantineQuery },
  responses: {
    '200': { description: 'A stream of all of them', content: { 'application/jsonl': { schema: z.string() } } },
    '400': { description: 'A problem', content: { 'application/problem+json': { schema: Problem } } },
    '503': { description: 'A problem', content: { 'application/problem+json': { schema: Problem } } },
  },
}

/** The API as OpenAPI 3.1, made from the very schemas that requests and answers are parsed by. */
export function openApiDocument(): ReturnType<typeof createDocument> {
  const paths: ZodOpenApiPathsObject = { [`${apiBase}/events/stream`]: { get: stream }, [`${apiBase}/quarantine`]: { get: quarantine } }
  for (const { spec } of apiRoutes) {
    const path = `${apiBase}${spec.path}`
    paths[path] = { ...paths[path], [spec.method]: operationOf(spec) }
  }
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Millrace',
      version: '1',
      description: 'Runs and assets of a Millrace installation. Errors are problem details (RFC 9457) with a stable `code`.',
    },
    paths,
  })
}

function operationOf(spec: Route['spec']): ZodOpenApiOperationObject {
  const answers = Object.entries(spec.statuses ?? { 200: 'OK' }).map(
    ([status, description]) => [status, { description, content: { 'application/json': { schema: spec.response } } }] as const,
  )
  const problems = [400, ...(spec.problems ?? []), 503].map(
    (status) => [String(status), { description: 'A problem', content: { 'application/problem+json': { schema: Problem } } }] as const,
  )
  return {
    operationId: spec.operation,
    summary: spec.summary,
    ...(spec.description === undefined ? {} : { description: spec.description }),
    requestParams: {
      ...(spec.params === undefined ? {} : { path: spec.params }),
      ...(spec.query === undefined ? {} : { query: spec.query }),
      ...(spec.headers === undefined ? {} : { header: spec.headers }),
    },
    ...(spec.body === undefined ? {} : { requestBody: { required: true, content: { 'application/json': { schema: spec.body } } } }),
    responses: Object.fromEntries([...answers, ...problems]),
  }
}
