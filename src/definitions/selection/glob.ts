/**
 * Whether a text is like a pattern, in which `*` is any text and `?` any character. In time of their lengths' product at most: a regular
 * expression of many `*` could take for ever, and selections come over the API.
 */
export function matchesGlob(text: string, pattern: string): boolean {
  let at = 0
  let next = 0
  // Where the last * stands, and what it has taken so far.
  let star = -1
  let taken = 0
  while (at < text.length) {
    if (pattern[next] === '*') {
      star = next
      taken = at
      next += 1
    } else if (pattern[next] === '?' || pattern[next] === text[at]) {
      at += 1
      next += 1
    } else if (star >= 0) {
      taken += 1
      at = taken
      next = star + 1
    } else return false
  }
  while (pattern[next] === '*') next += 1
  return next === pattern.length
}
