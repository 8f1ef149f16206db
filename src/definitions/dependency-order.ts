import { DefinitionError } from './definition-error.ts'
import type { Asset } from './location.ts'
import type { MultiAsset } from './multi-asset.ts'

const multiOf = (asset: Asset): MultiAsset | undefined => (asset.kind === 'function' ? asset.madeBy?.multi : undefined)

/**
 * Upstream before downstream, and before what a function makes all that any of it hangs on. Without recursion: a chain may be longer than the stack is deep.
 * @param whose what a circle is said of: `The assets of shop`
 * @param upstreamOf what each asset is made from, by its key
 * @throws DefinitionError for a circle
 */
export function inDependencyOrder(assets: readonly Asset[], whose: string, upstreamOf: ReadonlyMap<string, readonly Asset[]>): Asset[] {
  const upstream = withSiblings(assets, upstreamOf)
  const sorted: Asset[] = []
  const state = new Map<string, 'open' | 'done'>()
  for (const first of assets) {
    const open = state.has(first.key) ? [] : [{ asset: first, next: 0 }]
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      const { asset } = top
      state.set(asset.key, 'open')
      const dep = upstream.get(asset.key)?.[top.next]
      top.next += 1
      if (dep === undefined) {
        state.set(asset.key, 'done')
        sorted.push(asset)
        open.pop()
      } else if (state.get(dep.key) === 'open') {
        const inCircle = open.slice(open.findIndex((one) => one.asset.key === dep.key)).map((one) => one.asset)
        const circle = [...inCircle.map(({ key }) => key), dep.key].join(' → ')
        throw new DefinitionError(`${whose} depend on each other in a circle: ${circle}.${madeAtOnce(inCircle)} Remove one of these deps.`, {
          declared: asset.declared,
        })
      } else if (!state.has(dep.key)) {
        open.push({ asset: dep, next: 0 })
      }
    }
  }
  return sorted
}

/**
 * What comes before each asset: what it is made from, and of what one function makes all that any of it is made from, since a run calls the function once.
 * @param direct what each asset is made from, by its key
 */
function withSiblings(assets: readonly Asset[], direct: ReadonlyMap<string, readonly Asset[]>): ReadonlyMap<string, readonly Asset[]> {
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
function madeAtOnce(circle: readonly Asset[]): string {
  const multis = [...new Set(circle.flatMap((asset) => multiOf(asset) ?? []))]
  return multis.map(({ key, assets }) => ` ${key} makes ${keysOf(assets).join(', ')} at once, after all that any of them hangs on.`).join('')
}

const keysOf = (assets: MultiAsset['assets']): string[] => Object.values(assets).map(({ key }) => key)
