import type { Asset } from './location.ts'
import type { MultiAsset } from './multi-asset.ts'

const multiOf = (asset: Asset): MultiAsset | undefined => (asset.kind === 'function' ? asset.madeBy?.multi : undefined)

/**
 * What comes before each asset: what it is made from, and of what one function makes all that any of it is made from, since a run calls the function once.
 * @param direct what each asset is made from, by its key
 */
export function withSiblings(assets: readonly Asset[], direct: ReadonlyMap<string, readonly Asset[]>): ReadonlyMap<string, readonly Asset[]> {
  const shared = new Map<MultiAsset, Asset[]>()
  for (const asset of assets) {
    const multi = multiOf(asset)
    const others = direct.get(asset.key)?.filter((one) => multiOf(one) !== multi) ?? []
    if (multi !== undefined) shared.set(multi, [...(shared.get(multi) ?? []), ...others])
  }
  return new Map(
    assets.map((asset) => {
      const [own, multi] = [direct.get(asset.key) ?? [], multiOf(asset)]
      return [asset.key, multi === undefined ? own : [...new Set([...own, ...(shared.get(multi) ?? [])])]]
    }),
  )
}

/** Of assets that hang on each other in a circle, which their own dependencies may not show: what is made at once. */
export function madeAtOnce(circle: readonly Asset[]): string {
  const multis = [...new Set(circle.flatMap((asset) => multiOf(asset) ?? []))]
  return multis.map(({ key, assets }) => ` ${key} makes ${keysOf(assets).join(', ')} at once, after all that any of them hangs on.`).join('')
}

const keysOf = (assets: MultiAsset['assets']): string[] => Object.values(assets).map(({ key }) => key)
