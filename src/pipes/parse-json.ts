import type { Json } from '../definitions/json.ts'

const numberThatJsonLacks = /NaN|Infinity/
const integer = /^-?\d+$/

/**
 * Parses JSON as Python writes it: `NaN` and `Infinity`, which JSON lacks, and integers that a JavaScript number can't hold come as text.
 * @throws SyntaxError when it is not JSON
 */
export function parsePythonJson(text: string): Json {
  const json = numberThatJsonLacks.test(text) ? quoteLackingNumbers(text) : text
  if (!/\d{16}/.test(json)) return JSON.parse(json) as Json
  return JSON.parse(json, (_key, value: unknown, context?: { readonly source?: string }) => {
    const source = context?.source ?? ''
    return typeof value === 'number' && !Number.isSafeInteger(value) && integer.test(source) ? source : value
  }) as Json
}

/** By hand, because a regular expression for strings needs a stack as deep as the longest is long. */
function quoteLackingNumbers(text: string): string {
  const parts: string[] = []
  let written = 0
  for (let at = 0; at < text.length; at += 1) {
    const code = text[at]
    if (code === '"') {
      at = endOfString(text, at)
    } else if (code === 'N' || code === 'I') {
      const word = code === 'N' ? 'NaN' : 'Infinity'
      if (!text.startsWith(word, at)) continue
      const start = text[at - 1] === '-' ? at - 1 : at
      const end = at + word.length
      parts.push(text.slice(written, start), '"', text.slice(start, end), '"')
      written = end
      at = end - 1
    }
  }
  return parts.join('') + text.slice(written)
}

/** Where the string that begins here ends: at its closing quote. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1
    else if (text[at] === '"') return at
  }
  return text.length
}
