import { DefinitionError } from './definition-error.ts'

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
  const near = unknown.map((name) => nearestOf(name, names))
  const said = unknown.map((name, at) => `\`${name}\`${near[at] === undefined ? '' : ` (did you mean \`${near[at]}\`?)`}`)
  return `${what} has no option ${said.join(' and no ')}.${near.includes(undefined) ? ` Its options are: ${names.join(', ')}.` : ''}`
}

const farthest = 1 / 3

const plain = (name: string): string => name.toLowerCase().replaceAll(/[_-]/g, '')

/** The name that is most like one, where any is: at most a third of its letters differ, or the one begins with the other. */
function nearestOf(name: string, names: readonly string[]): string | undefined {
  const given = plain(name)
  let best: { readonly name: string; readonly distance: number } | undefined
  for (const one of names) {
    const other = plain(one)
    const [shorter, longer] = given.length < other.length ? [given, other] : [other, given]
    const isBeginning = shorter.length >= 3 && longer.startsWith(shorter)
    const distance = Math.min(distanceOf(given, other) / longer.length, isBeginning ? farthest : Infinity)
    if (distance <= farthest && distance < (best?.distance ?? Infinity)) best = { name: one, distance }
  }
  return best?.name
}

/** How many letters must be put in, left out, replaced, or swapped with the next to make the one text of the other. */
function distanceOf(one: string, other: string): number {
  let before: number[] = []
  let last = Array.from({ length: other.length + 1 }, (_, at) => at)
  for (let row = 1; row <= one.length; row += 1) {
    const next = [row]
    for (let column = 1; column <= other.length; column += 1) {
      const same = one[row - 1] === other[column - 1]
      const swapped = one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1]
      next.push(
        Math.min(
          (last[column] ?? 0) + 1,
          (next[column - 1] ?? 0) + 1,
          (last[column - 1] ?? 0) + (same ? 0 : 1),
          swapped ? (before[column - 2] ?? 0) + 1 : Infinity,
        ),
      )
    }
    ;[before, last] = [last, next]
  }
  return last[other.length] ?? 0
}
