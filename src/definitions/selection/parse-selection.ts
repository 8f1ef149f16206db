import { SelectionError } from './selection-error.ts'

/** What a term asks of an asset; each with the place in the selection where it stands, from 0. */
export type Term =
  /** `pattern` may have `*` and `?` in it. */
  | { readonly kind: 'key'; readonly pattern: string; readonly at: number }
  | { readonly kind: 'group' | 'kind' | 'owner'; readonly value: string; readonly at: number }
  /** Without a value: whatever it is. */
  | { readonly kind: 'tag'; readonly name: string; readonly value: string | undefined; readonly at: number }

export type Selection =
  | Term
  | { readonly kind: 'not'; readonly of: Selection }
  | { readonly kind: 'and' | 'or'; readonly all: readonly Selection[] }
  /** With what is upstream and downstream of it, so many steps far. */
  | { readonly kind: 'around'; readonly of: Selection; readonly up: number; readonly down: number }

interface Token {
  readonly kind: '(' | ')' | '+' | 'and' | 'or' | 'not' | 'number' | 'term' | 'end'
  readonly text: string
  readonly at: number
  /** Of a term. */
  readonly term?: Term
}

/** So deep that nobody writes it, and far from the end of the stack. */
const deepest = 100
const longest = 10_000

const attributes = ['key', 'group', 'tag', 'kind', 'owner'] as const
const words = new Set(['and', 'or', 'not'])

/**
 * Reads a selection of assets:
 *
 *     raw/orders  raw/*  group:sales  tag:team=data  tag:team  kind:sql  owner:team:sales  key:"raw/orders"
 *     +a  2+a     a and what is upstream of it: all, or two steps far
 *     a+  a+2     the same downstream
 *     not a, a and b, a or b, and parentheses; `and` binds more than `or`
 *
 * @throws SelectionError at the character where it stops being one
 */
export function parseSelection(selection: string): Selection {
  if (selection.length > longest) throw new SelectionError(`A selection has at most ${String(longest)} characters`, selection.slice(0, 40), 39)
  const tokens = tokensOf(selection)
  let next = 0
  let depth = 0
  const token = (): Token => tokens[next] ?? { kind: 'end', text: '', at: selection.length }
  const take = (kind: Token['kind']): boolean => token().kind === kind && (next += 1) > 0
  const fail = (problem: string, at = token().at): never => {
    throw new SelectionError(problem, selection, at)
  }

  function several(kind: 'and' | 'or', one: () => Selection): Selection {
    const all = [one()]
    while (take(kind)) all.push(one())
    return all.length === 1 ? (all[0] as Selection) : { kind, all }
  }
  const either = (): Selection => several('or', () => several('and', inverted))

  function inverted(): Selection {
    const { at } = token()
    if (!take('not')) return around()
    if ((depth += 1) > deepest) fail('This is nested too deep', at)
    const of = inverted()
    depth -= 1
    return { kind: 'not', of }
  }

  function around(): Selection {
    const up = upstream()
    const of = single()
    let down = 0
    if (take('+')) {
      const steps = token()
      down = take('number') ? Number(steps.text) : Infinity
    }
    return up === 0 && down === 0 ? of : { kind: 'around', of, up, down }
  }

  function upstream(): number {
    const steps = token()
    if (take('number')) {
      if (!take('+')) fail(`A + is missing behind the number ${steps.text}`)
      return Number(steps.text)
    }
    return take('+') ? Infinity : 0
  }

  function single(): Selection {
    const { kind, term, at } = token()
    if (kind === 'term' && term !== undefined) {
      next += 1
      return term
    }
    if (kind !== '(') return fail(kind === 'end' ? 'An asset is missing' : `An asset is missing before ${JSON.stringify(token().text)}`)
    next += 1
    if ((depth += 1) > deepest) fail('This is nested too deep', at)
    const inner = either()
    if (!take(')')) fail('A closing parenthesis is missing')
    depth -= 1
    return inner
  }

  const whole = either()
  if (token().kind !== 'end') fail(token().kind === ')' ? 'There is no opening parenthesis for this one' : 'An `and` or `or` is missing')
  return whole
}

const blank = /\s*/y
const bare = /[^\s()+"]+/y
const quoted = /"([^"]*)"/y
const tagName = /[^\s()+"=]+/y
// No part of a key begins with a digit.
const number = /\d+(?![^\s()+])/y
const attribute = /([A-Za-z_]+):/y

/** What a pattern finds at a place. */
function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at
  return pattern.exec(text)
}

function tokensOf(selection: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  for (;;) {
    at += matchAt(blank, selection, at)?.[0].length ?? 0
    const character = selection[at]
    if (character === undefined) return tokens
    const one = tokenAt(selection, at, character)
    tokens.push(one)
    at += one.text.length
  }
}

function tokenAt(selection: string, at: number, character: string): Token {
  if (character === '(' || character === ')' || character === '+') return { kind: character, text: character, at }
  const digits = matchAt(number, selection, at)
  if (digits !== null) return { kind: 'number', text: digits[0], at }
  const named = matchAt(attribute, selection, at)
  if (named !== null) return attributeAt(selection, at, named)
  const [whole, value] = valueAt(selection, at)
  const word = whole.toLowerCase()
  if (words.has(word)) return { kind: word as 'and' | 'or' | 'not', text: whole, at }
  return { kind: 'term', text: whole, at, term: { kind: 'key', pattern: value, at } }
}

function attributeAt(selection: string, at: number, named: RegExpExecArray): Token {
  const [prefix, name = ''] = named
  const kind = attributes.find((one) => one === name)
  if (kind === undefined) throw new SelectionError(`There is no ${prefix} to choose by, only ${attributes.map((one) => `${one}:`).join(', ')}`, selection, at)
  const from = at + prefix.length
  const [whole, value] = valueAt(selection, from, kind === 'tag' ? tagName : bare)
  const text = prefix + whole
  if (kind === 'key') return { kind: 'term', text, at, term: { kind, pattern: value, at } }
  if (kind !== 'tag') return { kind: 'term', text, at, term: { kind, value, at } }
  if (selection[at + text.length] !== '=') return { kind: 'term', text, at, term: { kind, name: value, value: undefined, at } }
  const [wholeValue, tagValue] = valueAt(selection, at + text.length + 1)
  return { kind: 'term', text: `${text}=${wholeValue}`, at, term: { kind, name: value, value: tagValue, at } }
}

/** A value as it stands there, and without its quotes. */
function valueAt(selection: string, at: number, pattern = bare): readonly [whole: string, value: string] {
  if (selection[at] !== '"') {
    const found = matchAt(pattern, selection, at)?.[0]
    if (found === undefined) throw new SelectionError('A value is missing', selection, at)
    return [found, found]
  }
  const found = matchAt(quoted, selection, at)
  if (found === null) throw new SelectionError('The closing quote is missing of the one', selection, at)
  return [found[0], found[1] ?? '']
}
