/** As much of an asset's spec as is needed to tell what it is made with. */
interface Asset {
  readonly key: string
  readonly madeBy?: { readonly name: string; readonly subset: boolean } | undefined
}

/** The chosen with what is only made together with them, and a sentence for each function that makes more than was asked for. */
export function withTogether(assets: readonly Asset[], chosen: ReadonlySet<string>): { readonly keys: ReadonlySet<string>; readonly notes: readonly string[] } {
  const keys = new Set(chosen)
  const more = new Map<string, string[]>()
  const whole = new Set(assets.flatMap(({ key, madeBy }) => (madeBy?.subset === false && chosen.has(key) ? [madeBy.name] : [])))
  for (const { key, madeBy } of assets) {
    if (madeBy === undefined || !whole.has(madeBy.name) || chosen.has(key)) continue
    keys.add(key)
    more.set(madeBy.name, [...(more.get(madeBy.name) ?? []), key])
  }
  return { keys, notes: [...more].map(([name, also]) => `${name} makes its assets together: ${also.join(', ')} ${also.length === 1 ? 'is' : 'are'} made too.`) }
}
