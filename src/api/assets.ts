import * as z from 'zod'
import { nameOf } from '../catalog/destinations.ts'
import { freshnessStates, readFreshness } from '../catalog/freshness.ts'
import type { Freshness } from '../catalog/freshness.ts'
import { readAssetFailures, readCheckResults, readMaterializations, readObservations, readOpenSteps } from '../catalog/read/assets.ts'
import type { AssetFailureRead } from '../catalog/read/assets.ts'
import { ColumnStatistics } from '../definitions/column-statistics.ts'
import { describeFreshness } from '../definitions/freshness.ts'
import { assetKinds } from '../definitions/manifest.ts'
import type { AssetSpec } from '../definitions/manifest.ts'
import { PartitionsSpec } from '../definitions/partitions/partitions-spec.ts'
import { chooseInLocations } from '../definitions/selection/select-in-locations.ts'
import { redact } from '../redact.ts'
import { AutomatedState, automationStates, idOf } from './automation-state.ts'
import { AssetCheck, checksOf } from './check-result.ts'
import { Failure } from './failure.ts'
import type { Parts } from './parts.ts'
import { route } from './route.ts'
import { metadataForm } from './run-view.ts'

const AssetFreshness = z
  .object({
    policy: z.string().meta({ description: 'In words: `within 26 hours`.' }),
    state: z.enum(freshnessStates).meta({ description: '`unknown`: it was never materialized, and need not have been yet.' }),
    since: z.iso.datetime(),
    changesAt: z.iso.datetime().nullable().meta({ description: 'When it changes next if nothing is materialized; null where it does not.' }),
    missing: z.array(z.string()).meta({ description: 'Partitions that are overdue, at most ten.' }),
  })
  .meta({ id: 'AssetFreshness' })

const AssetFailure = z
  .object({
    at: z.iso.datetime(),
    runId: z.uuid(),
    step: z.string().meta({ description: 'What failed: of an asset that is made by ops, or together with others, another one.' }),
    error: Failure.nullable(),
  })
  .meta({ id: 'AssetFailure' })

export const Asset = z
  .object({
    key: z.string(),
    location: z.string(),
    kind: z.enum(assetKinds),
    group: z.string().nullable(),
    destination: z.string().nullable().meta({ description: 'The name of the database that its table is in; null for a function asset and an external one.' }),
    description: z.string().nullable(),
    tags: z.record(z.string(), z.string()),
    owners: z.array(z.string()),
    kinds: z.array(z.string()).meta({ description: 'What it is made with or stored in, as its definition says.' }),
    codeVersion: z.string().nullable(),
    metadata: z.record(z.string(), z.json()).meta({ description: `What its definition shows of it. By name: ${metadataForm}` }),
    madeBy: z.string().nullable().meta({ description: 'The function that makes it together with others; null where it has one of its own, or none.' }),
    deps: z.array(z.string()),
    partitions: PartitionsSpec.nullable().meta({ description: 'Null where it is materialized as a whole.' }),
    columns: z
      .array(
        z.object({
          name: z.string(),
          type: z.string(),
          nullable: z.boolean(),
          description: z.string().nullable(),
          statistics: ColumnStatistics.nullable().meta({
            description: 'Of the values that the last materialization wrote; null where nothing is known of them.',
          }),
        }),
      )
      .meta({ description: 'Of table assets.' }),
    configSchema: z.json().nullable().meta({ description: 'JSON Schema of its run configuration; null where it takes none.' }),
    checks: z.array(AssetCheck),
    lastMaterialization: z
      .object({
        at: z.iso.datetime(),
        runId: z.uuid().nullable(),
        rows: z.int().nullable().meta({ description: 'As counted by the load.' }),
        metadata: z.record(z.string(), z.json()).meta({ description: `By name: ${metadataForm}` }),
      })
      .nullable(),
    lastObservation: z
      .object({ at: z.iso.datetime(), metadata: z.record(z.string(), z.json()) })
      .nullable()
      .meta({ description: 'What was seen of it, or of a partition of it, last.' }),
    freshness: AssetFreshness.nullable().meta({ description: 'Null where it has no freshness policy.' }),
    lastFailure: AssetFailure.nullable().meta({
      description:
        'When it was to be made last and was not, whatever was made since; null where that never happened, or was forgotten: by a wipe, or by a run that left it out.',
    }),
    automation: AutomatedState.nullable().meta({ description: 'What its condition was found to be last; null where it has none.' }),
    running: z.object({ runId: z.uuid(), status: z.string() }).nullable().meta({ description: 'The oldest run under way that materializes it.' }),
  })
  .meta({ id: 'Asset' })
export type Asset = z.output<typeof Asset>

/** Every asset of every location that is loaded, in the order its location declares them. */
export async function listAssets({ pool, locations }: Pick<Parts, 'pool' | 'locations'>): Promise<Asset[]> {
  const all = await locations.all(pool)
  const [materializations, observations, failures, automation, checks, steps, freshness] = await Promise.all([
    readMaterializations(pool),
    readObservations(pool),
    readAssetFailures(pool),
    automationStates(pool, all),
    readCheckResults(pool),
    readOpenSteps(pool),
    readFreshness(
      pool,
      all.flatMap(({ manifest }) => manifest ?? []),
    ),
  ])
  const lastOf = new Map(materializations.map((one) => [idOf(one.location, one.key), one]))
  const observed = new Map(observations.map((one) => [idOf(one.location, one.key), one]))
  const failed = new Map(failures.map((one) => [idOf(one.location, one.asset), one]))
  const freshnessOf = new Map(freshness.map((one) => [idOf(one.location, one.asset), one]))
  const checksOfAsset = Map.groupBy(checks, (one) => idOf(one.location, one.asset))
  // The last entry of a key wins, so the oldest run goes in last.
  const stepOf = new Map(steps.toReversed().map((one) => [idOf(one.location, one.asset), one]))
  return all.flatMap(({ name, manifest }) =>
    (manifest?.assets ?? []).map((spec): Asset => {
      const last = lastOf.get(idOf(name, spec.key))
      const seen = observed.get(idOf(name, spec.key))
      const step = stepOf.get(idOf(name, spec.key))
      return {
        key: spec.key,
        location: name,
        kind: spec.kind,
        group: spec.group ?? null,
        destination: spec.kind === 'table' || spec.kind === 'sql' ? nameOf(spec.destination) : null,
        description: spec.description ?? null,
        tags: spec.tags,
        owners: spec.owners ?? [],
        kinds: spec.kinds ?? [],
        codeVersion: spec.codeVersion ?? null,
        metadata: spec.metadata ?? {},
        madeBy: spec.kind === 'function' ? (spec.madeBy?.name ?? null) : null,
        deps: spec.deps,
        partitions: spec.partitions ?? null,
        columns: columnsOf(spec, last?.metadata),
        configSchema: 'configSchema' in spec ? (spec.configSchema ?? null) : null,
        checks: checksOf(spec.checks, checksOfAsset.get(idOf(name, spec.key)) ?? [], last?.runId),
        lastMaterialization:
          last === undefined
            ? null
            : {
                at: last.materializedAt,
                runId: last.runId,
                rows: z.int().nullable().catch(null).parse(last.metadata['rows']),
                metadata: z.record(z.string(), z.json()).parse(redact(last.metadata)),
              },
        lastObservation: seen === undefined ? null : { at: seen.observedAt, metadata: z.record(z.string(), z.json()).parse(redact(seen.metadata)) },
        freshness: presentFreshness(freshnessOf.get(idOf(name, spec.key))),
        lastFailure: presentAssetFailure(failed.get(idOf(name, spec.key))),
        automation: automation.get(idOf(name, spec.key)) ?? null,
        running: step === undefined ? null : { runId: step.runId, status: step.status },
      }
    }),
  )
}

/** When an asset was to be made last and was not; null where that never happened, or was forgotten: by a wipe, or by a run that left it out. */
export function presentAssetFailure(found: AssetFailureRead | undefined): Asset['lastFailure'] {
  return found === undefined ? null : { at: found.failedAt, runId: found.runId, step: found.step, error: found.error }
}

/**
 * Whether it was to be made since it was materialized last, and was not. What fails in the run that made it is no failure of it: an op that its value does not hang
 * on.
 */
export function isFailedSince({
  lastMaterialization,
  lastFailure,
}: Pick<Asset, 'lastFailure'> & { readonly lastMaterialization: { readonly at: string; readonly runId: string | null } | null }): boolean {
  if (lastFailure === null || lastMaterialization === null) return lastFailure !== null
  return Date.parse(lastFailure.at) > Date.parse(lastMaterialization.at) && lastFailure.runId !== lastMaterialization.runId
}

/** How fresh an asset is; null where it has no policy. */
export function presentFreshness(found: Freshness | undefined): Asset['freshness'] {
  if (found === undefined) return null
  const { policy, state, since, changesAt, missing } = found
  return { policy: describeFreshness(policy), state, since: since.toISOString(), changesAt: changesAt?.toISOString() ?? null, missing: [...missing] }
}

const Known = z.object({ statistics: z.object({ columns: ColumnStatistics.array() }) })

function columnsOf(spec: AssetSpec, metadata: unknown): Asset['columns'] {
  if (spec.kind !== 'table') return []
  const known = Known.safeParse(metadata).data?.statistics.columns ?? []
  return spec.table.columns.map((column) => ({
    name: column.name,
    type: column.array ? `${column.type}[]` : column.type,
    nullable: column.nullable,
    description: column.description ?? null,
    statistics: known.find((one) => one.column === column.name) ?? null,
  }))
}

const listAssetsRoute = route({
  method: 'get',
  path: '/assets',
  operation: 'listAssets',
  summary: 'Every asset, with what it was last',
  query: z.object({
    location: z.string().optional(),
    group: z.string().optional(),
    select: z.string().optional().meta({ description: 'A selection, as `+raw/orders and not tag:slow`; of the locations that have all that it names.' }),
  }),
  response: z.object({ assets: z.array(Asset) }).meta({ id: 'AssetList' }),
  problems: [404, 422],
}).handle(async ({ query, parts }) => {
  const all = await listAssets(parts)
  const assets = all.filter(
    (one) => (query.location === undefined || one.location === query.location) && (query.group === undefined || one.group === query.group),
  )
  return { body: { assets: query.select === undefined ? assets : chooseAssets(assets, query.select) } }
})

/** Those that a selection chooses, of whatever locations. @throws MillraceError `SELECTION_INVALID` where it cannot be read, `UNKNOWN_ASSET` where no location has what it names */
export function chooseAssets(assets: readonly Asset[], selection: string): Asset[] {
  const locations = [...Map.groupBy(assets, (one) => one.location)].map(([name, own]) => ({
    name,
    assets: own.map((one) => ({ ...one, group: one.group ?? undefined })),
  }))
  const found = chooseInLocations(locations, [selection])
  return assets.filter((one) => found.get(one.location)?.has(one.key) === true)
}

export const assetRoutes = [listAssetsRoute]
