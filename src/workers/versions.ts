import { hasLiveWorker } from '../catalog/processes.ts'
import { insertEvents } from '../catalog/events.ts'
import type { Asset } from '../definitions/location.ts'
import type { AssetSpec } from '../definitions/manifest.ts'
import { MillraceError } from '../errors.ts'
import type { QueueKind } from '../queues/jobs.ts'
import type { WorkerContext } from './context.ts'
import type { Claimed } from './work.ts'

/** The definitions that a piece of user code runs from, in this worker. */
export interface OwnAsset<Kind extends UserKind = 'table'> {
  readonly asset: Extract<Asset, { kind: Kind }>
  readonly spec: Extract<AssetSpec, { kind: Kind }>
  readonly version: string
}

/** Kinds of asset that run a user's code. */
type UserKind = 'table' | 'function'

/** What a worker does with work that was planned under another version than its own. */
export type VersionVerdict<Kind extends UserKind = 'table'> =
  | { readonly kind: 'mine'; readonly own: OwnAsset<Kind> }
  | { readonly kind: 'hand back' }
  | { readonly kind: 'other table'; readonly own: OwnAsset<Kind> }

/**
 * Whether this worker may run the user code of a step. Work of another version is handed back while a worker of that version lives;
 * after that it goes on under this one, if the table is the same.
 * @throws MillraceError when this worker's definitions no longer have the asset
 */
export async function judgeVersion<Kind extends UserKind>(
  context: WorkerContext,
  claimed: Claimed,
  queue: QueueKind,
  kind: Kind,
): Promise<VersionVerdict<Kind>> {
  const own = ownAsset(context, claimed, kind)
  if (own?.version === claimed.version) return { kind: 'mine', own }
  const isOurs = context.locations.get(claimed.location)?.version === claimed.version
  if (!isOurs && (await hasLiveWorker(context.pool, claimed.location, claimed.version, queue))) return { kind: 'hand back' }
  if (own === undefined) throw gone(claimed, `the ${kind} asset`)
  const planned = await context.manifests.assetSpec(claimed.location, claimed.version, claimed.asset)
  if (queue === 'transform' && fingerprintIn(planned) !== fingerprintIn(own.spec)) return { kind: 'other table', own }
  await tellVersion(context, claimed, queue, own.version)
  return { kind: 'mine', own }
}

/** Says that a step goes on under another version than the one that it was planned under. */
export async function tellVersion({ pool }: WorkerContext, claimed: Claimed, queue: QueueKind, version: string): Promise<void> {
  await insertEvents(pool, [
    {
      runId: claimed.runId,
      stepId: claimed.stepId,
      asset: claimed.asset,
      kind: 'version',
      level: 'warn',
      message: `No ${queue} worker of version ${claimed.version} is left; ${claimed.asset} goes on under version ${version}.`,
    },
  ])
}

/** This worker's definitions no longer have what a step is of. */
export function gone({ location, asset }: Claimed, what: string): MillraceError {
  return new MillraceError(`The definitions of ${location} no longer have ${what} ${asset}.`, {
    code: 'ASSET_GONE',
    hint: 'The run was planned under an older version. Launch a new one.',
  })
}

const fingerprintIn = (spec: AssetSpec): string | undefined => (spec.kind === 'table' ? spec.fingerprint : undefined)

function ownAsset<Kind extends UserKind>(context: WorkerContext, claimed: Claimed, kind: Kind): OwnAsset<Kind> | undefined {
  const location = context.locations.get(claimed.location)
  const isIt = (one: Asset | AssetSpec): boolean => one.key === claimed.asset && one.kind === kind
  const asset = location?.location.assets.find((one): one is Extract<Asset, { kind: Kind }> => isIt(one))
  const spec = location?.manifest.assets.find((one): one is Extract<AssetSpec, { kind: Kind }> => isIt(one))
  return location === undefined || asset === undefined || spec === undefined ? undefined : { asset, spec, version: location.version }
}
