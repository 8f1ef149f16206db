import type { AssetSpec } from '../../definitions/manifest.ts'
import { isOnePerRun } from '../../definitions/partitions/one-per-run.ts'
import type { JudgedAsset, JudgedCell } from './judge.ts'

/** A run that conditions ask for. */
export interface WantedRun {
  /** Upstream before downstream. */
  readonly assets: readonly AssetSpec[]
  /** Undefined where they have none. */
  readonly partitions: readonly string[] | undefined
}

/** Of one set of assets; where there are more partitions, a run makes several, unless one of the assets takes a run for each. */
const mostRuns = 50

interface Asking extends Pick<JudgedAsset, 'key'> {
  readonly cells: readonly Pick<JudgedCell, 'partition' | 'requested'>[]
}

/** Puts together what one run makes: all assets without partitions, and of each kind of partitions those that are to make the same one. */
export function runsOf(specs: readonly AssetSpec[], judged: readonly Asking[]): WantedRun[] {
  const byKey = new Map(judged.map((one) => [one.key, one]))
  const kinds = new Map<string, Map<string, AssetSpec[]>>()
  for (const spec of specs) {
    for (const { partition, requested } of byKey.get(spec.key)?.cells ?? []) {
      if (!requested) continue
      const kind = JSON.stringify(spec.partitions ?? null)
      const partitions = kinds.get(kind) ?? new Map<string, AssetSpec[]>()
      kinds.set(kind, partitions)
      partitions.set(partition, [...(partitions.get(partition) ?? []), spec])
    }
  }
  return [...kinds.values()].flatMap((partitions) => {
    const alike = Map.groupBy(partitions, ([, assets]) => assets.map(({ key }) => key).join('\0'))
    return [...alike.values()].flatMap((group): WantedRun[] => {
      const assets = group[0]?.[1] ?? []
      const keys = group.map(([partition]) => partition)
      if (keys[0] === '') return [{ assets, partitions: undefined }]
      const each = assets.some(isOnePerRun) ? 1 : Math.ceil(keys.length / mostRuns)
      return Array.from({ length: Math.ceil(keys.length / each) }, (_, n) => ({ assets, partitions: keys.slice(n * each, (n + 1) * each) }))
    })
  })
}
