import { Command } from '@commander-js/extra-typings'
import { presentAssetFailure, presentFreshness } from '../../api/assets.ts'
import { automationStates, idOf } from '../../api/automation-state.ts'
import { checksOf } from '../../api/check-result.ts'
import type { AssetCheck } from '../../api/check-result.ts'
import { nameOf } from '../../catalog/destinations.ts'
import { readAssetFailures, readCheckResults, readMaterializations, readObservations } from '../../catalog/read/assets.ts'
import type { CheckResultRead, MaterializationRead, ObservationRead } from '../../catalog/read/assets.ts'
import { createLocationReader } from '../../catalog/read/locations.ts'
import type { Database } from '../../catalog/database.ts'
import { readFreshness } from '../../catalog/freshness.ts'
import { chooseInLocations } from '../../definitions/selection/select-in-locations.ts'
import { knownInstead } from '../../definitions/known-instead.ts'
import { moment } from '../../definitions/moment.ts'
import { MillraceError } from '../../errors.ts'
import { redact } from '../../redact.ts'
import { count } from '../../ui/format.ts'
import { collect, harmless } from '../argument.ts'
import { parseMetadata, report } from '../assets/report-asset.ts'
import { describeAsset, isFailed, isStored, rowsOf, tableOf } from '../assets/show-asset.ts'
import type { AssetView } from '../assets/show-asset.ts'
import { wipe } from '../assets/wipe-asset.ts'
import { checkLocation } from '../check-location.ts'
import { readEnvironment } from '../environment.ts'
import { createStandardOutput } from '../standard-output.ts'
import { formatTable, shortened } from '../table-output.ts'
import { withCatalog } from '../with-client.ts'

const examples = `
What is listed is what workers published when they last started.

Examples:
  millrace assets list --group tailscale
  millrace assets list 'tag:daily and not kind:sql'
  millrace assets list 'tailscale/device+'
  millrace assets list 'owner:team:sales or kind:dbt'
  millrace assets show tailscale/devices
  millrace assets report crm/accounts --metadata rows=1200`

export function assetsCommand() {
  return new Command('assets')
    .description('List the assets of all code locations, look at one, report what became of one elsewhere, forget what was materialized.')
    .addHelpText('after', examples)
    .addCommand(listCommand().exitOverride())
    .addCommand(showCommand().exitOverride())
    .addCommand(reportCommand().exitOverride())
    .addCommand(wipeCommand().exitOverride())
}

/** Every asset of the manifests in force, with what it was last. */
async function readAssets(db: Database): Promise<AssetView[]> {
  const locations = await createLocationReader().all(db)
  const materializations = await readMaterializations(db)
  const observations = await readObservations(db)
  const checks = await readCheckResults(db)
  const failures = await readAssetFailures(db)
  const automation = await automationStates(db, locations)
  const freshness = await readFreshness(
    db,
    locations.flatMap(({ manifest }) => manifest ?? []),
  )
  return locations.flatMap(({ name, manifest }) =>
    (manifest?.assets ?? []).map((spec) => {
      const isOf = (row: MaterializationRead | ObservationRead | CheckResultRead): boolean =>
        row.location === name && ('key' in row ? row.key : row.asset) === spec.key
      return {
        location: name,
        spec,
        last: materializations.find(isOf) ?? null,
        seen: observations.find(isOf) ?? null,
        checks: checks.filter(isOf),
        freshness: freshness.find((one) => one.location === name && one.asset === spec.key),
        failed: presentAssetFailure(failures.find((one) => one.location === name && one.asset === spec.key)),
        automation: automation.get(idOf(name, spec.key)),
      }
    }),
  )
}

function listCommand() {
  return new Command('list')
    .description('Every asset, or those chosen: its table, when it was last materialized, its rows and checks.')
    .argument('[selection...]', 'as raw/orders, group:sales, or +raw/orders and not tag:slow')
    .option('--location <name>', 'only of this code location')
    .option('--group <name>', 'only of this group')
    .option('--json', 'print an array of objects')
    .action(async (selections, { location, group, json }) => {
      const all = await withCatalog(readEnvironment().config, 'assets', async (client) => {
        await checkLocation(client, location)
        return readAssets(client)
      })
      const own = all.filter((one) => (location === undefined || one.location === location) && (group === undefined || one.spec.group === group))
      const assets = selections.length === 0 || own.length === 0 ? own : chosen(own, selections)
      const none =
        all.length === 0 ? 'There are no assets yet: no worker has published a code location. `millrace dev` starts one.\n' : 'There are no such assets.\n'
      await createStandardOutput().write(json === true ? toJson(assets.map(summaryOf)) : assets.length === 0 ? none : assetTable(assets))
    })
}

/** @throws MillraceError where a selection cannot be read, or no location has what it names */
function chosen(assets: readonly AssetView[], selections: readonly string[]): AssetView[] {
  const locations = [...Map.groupBy(assets, (one) => one.location)].map(([name, own]) => ({ name, assets: own.map((one) => one.spec) }))
  const found = chooseInLocations(locations, selections)
  return assets.filter((one) => found.get(one.location)?.has(one.spec.key) === true)
}

function showCommand() {
  return new Command('show')
    .description('One asset: its columns, dependencies, configuration, checks and last materialization.')
    .argument('<key>', 'the asset key')
    .option('--location <name>', 'where several code locations have it')
    .option('--json', 'print one object')
    .action(async (key, { location, json }) => {
      const all = await withCatalog(readEnvironment().config, 'assets', readAssets)
      const [found, ...others] = all.filter((one) => one.spec.key === key && (location === undefined || one.location === location))
      if (found === undefined) {
        const keys = all.filter((one) => location === undefined || one.location === location).map((one) => one.spec.key)
        throw new MillraceError(`There is no asset ${key}.`, {
          code: 'UNKNOWN_ASSET',
          hint: knownInstead(key, keys, { what: 'assets', list: 'millrace assets list' }),
        })
      }
      if (others.length > 0) {
        throw new MillraceError(`Several code locations have the asset ${key}: ${[found, ...others].map((one) => one.location).join(', ')}.`, {
          code: 'LOCATION_AMBIGUOUS',
          hint: 'Name one by --location.',
        })
      }
      const downstream = all.filter((one) => one.location === found.location && one.spec.deps.includes(key)).map((one) => one.spec.key)
      await createStandardOutput().write(json === true ? toJson({ ...summaryOf(found), downstream, definition: found.spec }) : describeAsset(found, downstream))
    })
}

function reportCommand() {
  return new Command('report')
    .description('Write down that something else materialized an asset, or what was seen of it.')
    .argument('<key>', 'the asset key')
    .option('-p, --partition <key>', 'which partition, of an asset that has any')
    .option('--observed', 'it was not written, something about it was seen')
    .option('-m, --metadata <name=value>', 'what is to be shown of it; may be repeated. What is JSON is taken as such', parseMetadata, {})
    .option('--idempotency-key <text>', 'a second report with the same key changes nothing')
    .option('--location <name>', 'where several code locations have it')
    .action((key, { partition, observed, metadata, idempotencyKey, location }) =>
      report(key, location, { kind: observed === true ? 'observation' : 'materialization', partition, metadata, idempotencyKey }),
    )
}

function wipeCommand() {
  return new Command('wipe')
    .description('Forget that an asset, or some of its partitions, were materialized: they count as missing. What was stored stays where it is.')
    .argument('<key>', 'the asset key')
    .option('-p, --partition <key>', 'a partition, or FROM..TO; may be repeated. Without: the whole asset', collect, [])
    .option('--location <name>', 'where several code locations have it')
    .option('-y, --yes', 'do not ask back')
    .action((key, { partition, location, yes }) => wipe(key, { location, partitions: partition, yes: yes === true }))
}

function toJson(value: unknown): string {
  return `${JSON.stringify(redact(value), null, 2)}\n`
}

function summaryOf(asset: AssetView) {
  const { location, spec, last, seen, checks, freshness, failed, automation } = asset
  return {
    key: spec.key,
    location,
    kind: spec.kind,
    group: spec.group ?? null,
    owners: spec.owners ?? [],
    kinds: spec.kinds ?? [],
    tags: spec.tags,
    codeVersion: spec.codeVersion ?? null,
    table: isStored(spec) ? tableOf(spec) : null,
    destination: isStored(spec) ? nameOf(spec.destination) : null,
    materializedAt: last?.materializedAt ?? null,
    runId: last?.runId ?? null,
    rows: rowsOf(last),
    metadata: last?.metadata ?? null,
    lastFailure: failed,
    observedAt: seen?.observedAt ?? null,
    freshness: presentFreshness(freshness),
    automation: automation ?? null,
    checks: checksOf(spec.checks, checks, last?.runId),
  }
}

/** Those that failed or warned; else `passed`, where any ran. */
function checkSummary(checks: readonly AssetCheck[]): string {
  const told = (['failed', 'warned'] as const).flatMap((state) => {
    const names = checks.filter((check) => check.state === state).map(({ name }) => name)
    return names.length === 0 ? [] : [`${state}: ${names.join(', ')}`]
  })
  return told.length > 0 ? told.join('; ') : checks.some(({ state }) => state === 'passed') ? 'passed' : ''
}

/** As much of the reason as a line of a terminal holds; `assets show` has all of it. */
function failedText({ failed }: AssetView): string {
  if (failed === null) return ''
  return `${moment(failed.at)}, run ${failed.runId.slice(0, 8)}${failed.error === null ? '' : `: ${shortened(harmless(failed.error.message).replaceAll(/\s+/g, ' '), 60)}`}`
}

function assetTable(assets: readonly AssetView[]): string {
  const policed = assets.some(({ freshness }) => freshness !== undefined)
  const failed = assets.some(isFailed)
  const columns = [
    { name: 'asset' },
    { name: 'kind' },
    { name: 'location' },
    { name: 'group' },
    { name: 'last materialized' },
    ...(failed ? [{ name: 'failed since' }] : []),
    ...(policed ? [{ name: 'freshness' }] : []),
    { name: 'rows', align: 'right' as const },
    { name: 'checks' },
  ]
  return formatTable(
    columns,
    assets.map((asset) => {
      const rows = rowsOf(asset.last)
      const checks = checkSummary(checksOf(asset.spec.checks, asset.checks, asset.last?.runId))
      return [
        asset.spec.key,
        [asset.spec.kind, ...(asset.spec.kinds ?? [])].join(', '),
        asset.location,
        asset.spec.group ?? '',
        asset.last === null ? 'never' : moment(asset.last.materializedAt),
        ...(failed ? [isFailed(asset) ? failedText(asset) : ''] : []),
        ...(policed ? [asset.freshness?.state ?? ''] : []),
        rows === null ? '' : count(rows),
        checks,
      ]
    }),
  )
}
