import { hasLiveWorker } from '../catalog/processes.ts'
import { insertEvents } from '../catalog/events.ts'
import type { Asset } from '../definitions/location.ts'
import type { AssetSpec } from '../definitions/manifest.ts'
import type { TableAsset } from '../definitions/table.ts'
import { MillraceError } from '../errors.ts'
import type { QueueKind } from '../queues/jobs.ts'
import type { WorkerContext } from './context.ts'
import type { Claimed } from './work.ts'

/** The definitions that a piece of user code runs from, in this worker. */
export interface OwnAsset {
  readonly asset: TableAsset
  readonly spec: AssetSpec & { kind: 'table' }
  readonly version: string
}

/** What a worker does with work that was planned under another version than its own. */
export type VersionVerdict =
  | { readonly kind: 'mine'; readonly own: OwnAsset }
  | { readonly kind: 'hand back' }
  | { readonly kind: 'other table'; readonly own: OwnAsset }

/**
 * Whether this worker may run the user code of a step. Work of another version is handed back while a worker of that version lives;
 * after that it goes on under this one, if the table is the same.
 * @throws MillraceError when this worker's definitions no longer have the asset
 */
export async function judgeVersion(context: WorkerContext, claimed: Claimed, queue: QueueKind): Promise<VersionVerdict> {
  const own = ownAsset(context, claimed)
  if (own.version === claimed.version) return { kind: 'mine', own }
  if (await hasLiveWorker(context.pool, claimed.location, claimed.version, queue)) return { kind: 'hand back' }
  const planned = await context.manifests.assetSpec(claimed.location, claimed.version, claimed.asset)
  if (queue === 'transform' && (planned.kind !== 'table' || planned.fingerprint !== own.spec.fingerprint)) return { kind: 'other table', own }
  await insertEvents(context.pool, [
    {
      runId: claimed.runId,
      stepId: claimed.stepId,
      asset: claimed.asset,
      kind: 'version',
      level: 'warn',
      message: `No ${queue} worker of version ${claimed.version} is left; ${claimed.asset} goes on under version ${own.version}.`,
    },
  ])
  return { kind: 'mine', own }
}

function ownAsset(context: WorkerContext, claimed: Claimed): OwnAsset {
  const location = context.locations.get(claimed.location)
  const asset: Asset | undefined = location?.location.assets.find((one) => one.key === claimed.asset)
  const spec = location?.manifest.assets.find((one) => one.key === claimed.asset)
  if (location === undefined || asset?.kind !== 'table' || spec?.kind !== 'table') {
    throw new MillraceError(`The definitions of ${claimed.location} no longer have the table asset ${claimed.asset}.`, {
      code: 'ASSET_GONE',
      hint: 'The run was planned under an older version. Launch a new one.',
    })
  }
  return { asset, spec, version: location.version }
}
