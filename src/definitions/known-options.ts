import { nearestOf } from './nearest.ts'

/**
 * A sentence about options that nobody would look at, with the name that was probably meant for each; undefined where all of them are known.
 * @param what whose options they are: `The asset shop/orders`
 * @param known has a key for each name that there is
 */
export function unknownOptions(what: string, options: object, known: object): string | undefined {
  const unknown = Object.keys(options).filter((name) => !Object.hasOwn(known, name))
  if (unknown.length === 0) return undefined
  const names = Object.keys(known)
  const near = unknown.map((name) => nearestOf(name, names)[0])
  const said = unknown.map((name, at) => `\`${name}\`${near[at] === undefined ? '' : ` (did you mean \`${near[at]}\`?)`}`)
  return `${what} has no option ${said.join(' and no ')}.${near.includes(undefined) ? ` Its options are: ${names.join(', ')}.` : ''}`
}
