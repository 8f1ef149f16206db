import { knownInstead } from '../../definitions/known-instead.ts'
import { MillraceError } from '../../errors.ts'

interface Named {
  readonly location: string
  readonly name: string
}

/**
 * The one of a name.
 * @param what as in a sentence: `schedule`
 * @throws MillraceError `UNKNOWN_SCHEDULE`, `UNKNOWN_SENSOR`; `LOCATION_AMBIGUOUS` where several locations have it
 */
export function findOne<T extends Named>(all: readonly T[], what: 'schedule' | 'sensor', name: string, location: string | undefined): T {
  const [found, ...others] = all.filter((one) => one.name === name && (location === undefined || one.location === location))
  if (found === undefined) {
    throw new MillraceError(`There is no ${what} ${name}${location === undefined ? '' : ` in the location ${location}`}.`, {
      code: what === 'schedule' ? 'UNKNOWN_SCHEDULE' : 'UNKNOWN_SENSOR',
      hint: knownInstead(
        name,
        all.map((one) => one.name),
        { what: `${what}s`, list: `millrace ${what}s list` },
      ),
    })
  }
  if (others.length > 0) {
    throw new MillraceError(`Several locations have a ${what} ${name}: ${[found, ...others].map((one) => one.location).join(', ')}.`, {
      code: 'LOCATION_AMBIGUOUS',
      hint: 'Name one by --location.',
    })
  }
  return found
}
