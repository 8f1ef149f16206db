/** The share of a name's letters: where more are wrong, another name was meant. */
const farthest = 1 / 3

const plain = (name: string): string => name.toLowerCase().replaceAll(/[_-]/g, '')

/**
 * The names that somebody may have meant, the nearest first: those of which at most a third of the letters are other, and those of which what was given is a part
 * (or the other way round), as `orders` of `shop/orders`. Case and underscores do not count.
 */
export function nearestOf(given: string, known: readonly string[]): string[] {
  const wanted = plain(given)
  return known
    .flatMap((name) => {
      const distance = apart(wanted, plain(name))
      return distance > farthest ? [] : [{ name, distance }]
    })
    .toSorted((a, b) => a.distance - b.distance || a.name.length - b.name.length || (a.name < b.name ? -1 : 1))
    .map(({ name }) => name)
}

/** The share of the letters asked for that are other: 0 where the names are the same. */
function apart(wanted: string, name: string): number {
  const isPart = wanted.length >= 3 && name.length >= 3 && (name.includes(wanted) || wanted.includes(name))
  const isNear = Math.abs(wanted.length - name.length) <= wanted.length * farthest
  return Math.min(isPart ? farthest : 1, isNear ? editsOf(wanted, name) / wanted.length : 1)
}

/** How many letters must be put in, left out, replaced, or swapped with the next to make the one text of the other. */
function editsOf(one: string, other: string): number {
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
