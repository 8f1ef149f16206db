import * as z from 'zod'
import { automationAnswers } from '../catalog/automation.ts'
import { readAutomatedAssets, readAutomations } from '../catalog/read/automation.ts'
import type { AutomatedAssetRead } from '../catalog/read/automation.ts'
import type { LocationRead } from '../catalog/read/locations.ts'
import type { Queryable } from '../catalog/read/row.ts'
import { nameOf } from '../definitions/automation/condition.ts'
import { moment } from '../definitions/moment.ts'
import { sentence } from '../errors.ts'

export const answer = z.enum(automationAnswers).meta({
  description:
    '`requested`: it was asked for. `held`: its condition is true, but it was asked for before and nothing has changed since. `no`: its condition is false. `failed`: its run could not be launched.',
})

/** What the condition of an asset was found to be last. */
export const AutomatedState = z
  .object({
    condition: z.string(),
    answer: answer.nullable().meta({ description: 'Of the last evaluation; null before there was one.' }),
    reason: z.string().nullable(),
    since: z.iso.datetime().nullable().meta({ description: 'Since when all parts of the condition are what they are.' }),
    message: z.string().meta({ description: 'The same in a sentence: what it waits for, or what it started.' }),
  })
  .meta({ id: 'AutomatedState' })
export type AutomatedState = z.output<typeof AutomatedState>

/** By location and key, as JSON, of the assets that have a condition. */
export async function automationStates(db: Queryable, all: readonly Pick<LocationRead, 'name' | 'manifest'>[]): Promise<ReadonlyMap<string, AutomatedState>> {
  const automated = all.flatMap(({ name, manifest }) =>
    (manifest?.assets ?? []).flatMap(({ key, automation }) => (automation === undefined ? [] : [{ location: name, key, condition: nameOf(automation) }])),
  )
  if (automated.length === 0) return new Map()
  const [states, assets] = await Promise.all([readAutomations(db), readAutomatedAssets(db)])
  const known = new Map(assets.map((one) => [idOf(one.location, one.asset), one]))
  const stopped = new Set(states.filter((one) => one.stopped).map(({ location }) => location))
  return new Map(
    automated.map(({ location, key, condition }) => {
      const found = known.get(idOf(location, key))
      const message = stopped.has(location) ? stoppedSentence(location) : sentenceOf(condition, found)
      return [idOf(location, key), { condition, answer: found?.answer ?? null, reason: found?.reason ?? null, since: found?.since ?? null, message }]
    }),
  )
}

/** As the keys of `automationStates`. */
export const idOf = (location: string, asset: string): string => JSON.stringify([location, asset])

/** Of a condition without a name of its own, which is told by all that it is made of. */
const longestName = 80

const stoppedSentence = (location: string): string =>
  `The automation of ${location} is stopped: its condition starts nothing before \`millrace automation start ${location}\`.`

function sentenceOf(whole: string, found: AutomatedAssetRead | undefined): string {
  const condition = whole.length > longestName ? `${whole.slice(0, longestName - 1)}…` : whole
  if (found === undefined) return `Its condition (${condition}) was not evaluated yet.`
  const { answer: said, reason } = found
  const since = moment(found.since)
  if (said === 'requested') return `Its condition asked for it at ${since}: ${sentence(reason)}`
  if (said === 'failed') return `Its condition asked for it at ${since}, and no run could be launched: ${sentence(reason)}`
  if (said === 'held') return `Its condition is true and asks for nothing: ${sentence(reason)}`
  return `It waits for its condition (${condition}), false since ${since}: ${sentence(reason)}`
}
