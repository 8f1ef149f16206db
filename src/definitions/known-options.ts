import { DefinitionError } from './definition-error.ts'
import { nearestOf } from './nearest.ts'

type NameOf<Options> = Options extends unknown ? Extract<keyof Options, string> : never

/** The names of options. Declared with it, a list that leaves one out, or has one too many, does not compile. */
export type OptionNames<Options> = Readonly<Record<NameOf<Options>, true>>

/**
 * Refuses options that nobody would look at; of them types tell only those who have theirs checked.
 * @param what whose options they are: `The asset shop/orders`
 * @param known has a key for each name that there is
 * @throws DefinitionError that names all that are unknown, each with the name that was probably meant
 */
export function refuseUnknown(what: string, options: object, known: object): void {
  const unknown = unknownOptions(what, options, known)
  if (unknown !== undefined) throw new DefinitionError(unknown)
}

/** The same as a sentence, for what is called by functions that run; undefined where all of them are known. */
export function unknownOptions(what: string, options: object, known: object): string | undefined {
  const unknown = Object.keys(options).filter((name) => !Object.hasOwn(known, name))
  if (unknown.length === 0) return undefined
  const names = Object.keys(known)
  const near = unknown.map((name) => nearestOf(name, names)[0])
  const said = unknown.map((name, at) => `\`${name}\`${near[at] === undefined ? '' : ` (did you mean \`${near[at]}\`?)`}`)
  return `${what} has no option ${said.join(' and no ')}.${near.includes(undefined) ? ` Its options are: ${names.join(', ')}.` : ''}`
}
