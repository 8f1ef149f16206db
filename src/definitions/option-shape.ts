import { DefinitionError } from './definition-error.ts'
import { unknownOptions } from './known-options.ts'
import { describeValue, isObject } from './describe-value.ts'
import { isSecretKey } from '../redact.ts'

/** A value, or a part of one, that is not as it must be. */
interface Wrong {
  /** Where it stands: `deps[1]`. */
  readonly at: string
  readonly wanted: string
  readonly value: unknown
  /** A text in its place is most likely a secret. */
  readonly hidden?: true
}

/** What a value must be. Kinds are made by the functions of option-kinds.ts, and by those who declare what they are kinds of. */
export interface Kind {
  /** What to write, as it goes on after "must be" and "Give it": `a list of texts, as ['id']`. */
  readonly wanted: string
  /** What of a value is not so; undefined where all of it is. @param at what the value is called */
  readonly wrongIn: (value: unknown, at: string) => Wrong | undefined
  readonly required?: never
}

/** The kind of an option that must be there. */
export type RequiredKind = Omit<Kind, 'required'> & { readonly required: true }

type NameOf<Options> = Options extends unknown ? Extract<keyof Options, string> : never
type MayBeLeftOut<Options, Name> = Options extends unknown ? (Name extends keyof Options ? ({} extends Pick<Options, Name> ? true : never) : true) : never

/**
 * What the values of options must be, by their names: the one description of the options of a definer at run time. Declared with it, one that leaves an option out,
 * has one too many, or is at odds with the types about which must be there, does not compile.
 */
export type OptionShape<Options> = {
  readonly [Name in NameOf<Options>]: [MayBeLeftOut<Options, Name>] extends [never] ? RequiredKind : Kind
}

export type AnyShape = Readonly<Record<string, Kind | RequiredKind>>

export const required = ({ wanted, wrongIn }: Kind): RequiredKind => ({ wanted, wrongIn, required: true })

/**
 * Refuses options that there are not, that are missing, or whose values are not as they must be: of them types tell only those who have theirs checked.
 * @param what whose options they are: `The asset shop/orders`
 * @throws DefinitionError that says what of it is wrong and what to write instead: of unknown names all, each with the name that was probably meant
 */
export function refuseWrong(what: string, options: unknown, shape: AnyShape): void {
  const wrong = wrongOptions(what, options, shape)
  if (wrong !== undefined) throw new DefinitionError(wrong)
}

/** The same as a sentence, for what is called by functions that run; undefined where all is right. */
export function wrongOptions(what: string, options: unknown, shape: AnyShape): string | undefined {
  if (!isObject(options)) return mustBe(`The options of ${within(what)}`, { at: '', wanted: 'an object', value: options })
  const unknown = unknownOptions(what, options, shape)
  if (unknown !== undefined) return unknown
  for (const [name, kind] of Object.entries(shape)) {
    const value = valueOf(options, name)
    if (value === undefined) {
      if (kind.required) return `${what} has no \`${name}\`. Give it ${kind.wanted}.`
      continue
    }
    const wrong = kind.wrongIn(value, name)
    if (wrong !== undefined) return mustBe(`\`${wrong.at}\` of ${within(what)}`, wrong)
  }
  return undefined
}

/** Of an option that is called as what every object has (a column `valueOf`, say) only its own; else also what its class gives it. */
const valueOf = (options: Readonly<Record<string, unknown>>, name: string): unknown =>
  Object.hasOwn(options, name) || !(name in Object.prototype) ? options[name] : undefined

/** Refuses a value that is no option: what a function is handed beside them. @param what `The keys of staticPartitions()` @throws DefinitionError */
export function refuseWrongValue(what: string, value: unknown, kind: Kind): void {
  const wrong = wrongValue(what, value, kind)
  if (wrong !== undefined) throw new DefinitionError(wrong)
}

/** The same as a sentence; undefined where it is right. */
export function wrongValue(what: string, value: unknown, kind: Kind): string | undefined {
  const wrong = kind.wrongIn(value, '')
  if (wrong === undefined) return undefined
  return mustBe(wrong.at === '' ? what : `\`${wrong.at}\` of ${within(what)}`, wrong)
}

function mustBe(what: string, { at, wanted, value, hidden }: Wrong): string {
  const isHidden = typeof value === 'string' && (hidden === true || isSecretKey(at.slice(at.lastIndexOf('.') + 1)))
  const { text, question = '' } = isHidden ? { text: 'a text' } : describeValue(value)
  return `${what} must be ${wanted}, not ${text}.${question}`
}

/** As it stands within a sentence. */
const within = (what: string): string => what.replace(/^(?:The|An?|What) /, (first) => first.toLowerCase())

/** What options are of: `The asset shop/orders`, or `An asset` where they have no name that can be told. */
export function named(sort: string, options: unknown, by: 'key' | 'name'): string {
  const name = isObject(options) ? options[by] : undefined
  return typeof name === 'string' ? `The ${sort} ${name}` : `${/^[aeio]/.test(sort) ? 'An' : 'A'} ${sort}`
}

/** Whether an option is given, of options that may be anything. */
export const isGiven = (options: unknown, name: string): boolean => isObject(options) && options[name] !== undefined
