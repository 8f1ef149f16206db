/** As many names as are told whole. */
const mostTold = 5
const mostNear = 3

export interface KnownInsteadOptions {
  /** Of what they are names, in the plural: `assets`. */
  readonly what: string
  /** What lists them all: `millrace assets list`. */
  readonly list: string
}

/** What to say to somebody who gave a name that there is not: a few names whole, of many those that are like it, and how to see them all. */
export function knownInstead(given: string, known: readonly string[], { what, list }: KnownInsteadOptions): string {
  const names = [...new Set(known)]
  if (names.length === 0) return `There are no ${what}.`
  if (names.length <= mostTold) return `The ${what} are: ${names.join(', ')}.`
  const near = nearestOf(given, names)
  const all = `\`${list}\` shows all ${String(names.length)} ${what}.`
  return near.length === 0 ? all : `Did you mean ${orList(near)}? ${all}`
}

export const orList = (names: readonly string[]): string => (names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} or ${names.at(-1) ?? ''}`)

/**
 * The names that somebody may have meant, the nearest first, at most three: those that are a few letters away, and those of which what was given is a part (or the other way
 * round), as `orders` of `shop/orders`.
 */
export function nearestOf(given: string, known: readonly string[]): string[] {
  const wanted = given.toLowerCase()
  const most = Math.max(1, Math.floor(wanted.length / 3))
  return known
    .flatMap((name) => {
      const distance = distanceOf(wanted, name.toLowerCase(), most)
      return distance === undefined ? [] : [{ name, distance }]
    })
    .toSorted((a, b) => a.distance - b.distance || a.name.length - b.name.length || (a.name < b.name ? -1 : 1))
    .slice(0, mostNear)
    .map(({ name }) => name)
}

/** Letters that are other, missing, too many, or exchanged with their neighbour; undefined where they are more than `most`. */
function distanceOf(wanted: string, name: string, most: number): number | undefined {
  const part = wanted.length >= 3 && name.length >= 3 && (name.includes(wanted) || wanted.includes(name))
  if (Math.abs(wanted.length - name.length) > most) return part ? most : undefined
  let [twoBefore, before]: [number[], number[]] = [[], Array.from({ length: name.length + 1 }, (_, at) => at)]
  for (let row = 1; row <= wanted.length; row += 1) {
    const current = [row]
    for (let column = 1; column <= name.length; column += 1) {
      const same = wanted[row - 1] === name[column - 1]
      const exchanged = row > 1 && column > 1 && wanted[row - 1] === name[column - 2] && wanted[row - 2] === name[column - 1]
      current.push(
        Math.min(
          (before[column] ?? Infinity) + 1,
          (current[column - 1] ?? Infinity) + 1,
          (before[column - 1] ?? Infinity) + (same ? 0 : 1),
          exchanged ? (twoBefore[column - 2] ?? Infinity) + 1 : Infinity,
        ),
      )
    }
    twoBefore = before
    before = current
  }
  const distance = before[name.length] ?? Infinity
  return distance <= most ? distance : part ? most : undefined
}
