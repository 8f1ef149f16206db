import { MillraceError } from '../errors.ts'

/** Text that Postgres cannot store. */
interface Unstorable {
  /** The path to it; empty where it is the value itself. */
  readonly at: string
  readonly has: string
}

/** The first text in a value, names of fields among it, that neither jsonb nor a text column takes; JSON can say it as \u0000 or \ud800. */
function unstorableIn(value: unknown, at = ''): Unstorable | undefined {
  if (typeof value === 'string') {
    const has = value.includes('\0') ? 'the character NUL' : value.isWellFormed() ? undefined : 'half of a surrogate pair'
    return has === undefined ? undefined : { at, has }
  }
  if (typeof value !== 'object' || value === null) return undefined
  for (const [name, one] of Object.entries(value)) {
    const inName = unstorableIn(name, at === '' ? 'the name of a field' : `the name of a field of ${at}`)
    const found = inName ?? unstorableIn(one, at === '' ? name : `${at}.${name}`)
    if (found !== undefined) return found
  }
  return undefined
}

/**
 * Refuses what Postgres cannot store, before it is asked to.
 * @param what the value is: `The run configuration`
 * @throws MillraceError with the code, that says where the text is
 */
export function refuseUnstorable(what: string, code: string, value: unknown): void {
  const found = unstorableIn(value)
  if (found === undefined) return
  throw new MillraceError(`${what} has ${found.has}, which Postgres cannot store${found.at === '' ? '' : `: ${found.at}`}.`, {
    code,
    hint: 'Leave it out, or send the text encoded, as base64 say.',
  })
}
