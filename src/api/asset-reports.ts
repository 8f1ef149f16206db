import * as z from 'zod'
import { findAsset } from '../catalog/read/partitioned-asset.ts'
import { reportAsset } from '../catalog/report-asset.ts'
import type { ReportKind } from '../catalog/report-asset.ts'
import { route } from './route.ts'

const Report = z
  .strictObject({
    location: z.string().optional().meta({ description: 'Needed where several locations have the asset.' }),
    partition: z.string().min(1).optional().meta({ description: 'Which partition, of an asset that has any.' }),
    metadata: z
      .record(z.string(), z.json())
      .default({})
      .meta({ description: 'By name: plain JSON, shown by its type, or `{ "type": "url", "value": "…" }` as docs/metadata.md tells.' }),
  })
  .meta({ id: 'AssetReport' })

const Reported = z
  .object({
    asset: z.string(),
    location: z.string(),
    kind: z.enum(['materialization', 'observation']),
    partition: z.string().nullable(),
    at: z.iso.datetime(),
  })
  .meta({ id: 'AssetReported' })

const reportRoute = (kind: ReportKind, operation: string, summary: string) =>
  route({
    method: 'post',
    path: `/assets/{key}/${kind}s`,
    operation,
    summary,
    description: 'The key as it is, `shop/orders`, or with its slashes encoded. With an Idempotency-Key, the same report again changes nothing.',
    params: z.object({ key: z.string().min(1) }),
    headers: z.object({ 'idempotency-key': z.string().min(1).max(200).optional() }),
    body: Report,
    response: Reported,
    statuses: { 201: 'It is written down', 200: 'It was before, with the same Idempotency-Key' },
    problems: [403, 404, 409, 415, 422],
  }).handle(async ({ params, headers, body: { location, partition, metadata }, parts }) => {
    const found = await findAsset(parts.pool, parts.locations, params.key, location)
    const { at, created } = await reportAsset(parts.pool, found, { kind, partition, metadata, idempotencyKey: headers['idempotency-key'], by: 'api' })
    return { status: created ? 201 : 200, body: { asset: params.key, location: found.location, kind, partition: partition ?? null, at } }
  })

export const assetReportRoutes = [
  reportRoute('materialization', 'reportMaterialization', 'Report that something else materialized an asset'),
  reportRoute('observation', 'reportObservation', 'Report what was seen of an asset'),
]
