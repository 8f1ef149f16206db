import { DefinitionError } from './definition-error.ts'

interface Selectable {
  readonly key: string
  readonly group?: string | undefined
}

/**
 * The keys a selection names, in the order of `assets`: a key, `group:name`, or `*`.
 * @throws DefinitionError when a term names nothing.
 */
export function selectAssets(assets: readonly Selectable[], terms: readonly string[]): string[] {
  const chosen = new Set<string>()
  for (const term of terms) {
    const matching = assets.filter((one) => term === '*' || one.key === term || (term.startsWith('group:') && one.group === term.slice('group:'.length)))
    if (matching.length === 0) {
      throw new DefinitionError(`Nothing matches ${JSON.stringify(term)}. The assets are: ${assets.map((one) => one.key).join(', ')}.`)
    }
    for (const one of matching) chosen.add(one.key)
  }
  return assets.map((one) => one.key).filter((key) => chosen.has(key))
}
