import { spoolName } from '../../config.ts'
import type { SpoolPlace } from '../../config.ts'
import { storedError } from '../../errors.ts'
import { openSpool } from '../../spool/open-spool.ts'
import { fault, ok } from './finding.ts'
import type { Finding } from './finding.ts'
import { examineRedis } from './redis.ts'

/** Whether a spool that is no folder answers, and keeps what it is given. */
export async function examineSpool(place: SpoolPlace): Promise<Finding[]> {
  const spool = await openSpool(place)
  try {
    // One entry is enough: it was allowed to look.
    await spool.list()[Symbol.asyncIterator]().next()
    return [ok('spool', `${spoolName(place)} answers`), ...(place.kind === 'redis' ? await examineRedis(place.url, 'spool') : [])]
  } catch (error) {
    const { message, hint } = storedError(error)
    return [fault('spool', message, hint ?? 'Mend what the message names.')]
  } finally {
    await spool.close()
  }
}
