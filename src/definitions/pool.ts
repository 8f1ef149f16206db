import * as z from 'zod'
import { DefinitionError } from './definition-error.ts'
import { aNumber, aText } from './option-kinds.ts'
import type { OptionShape } from './option-shape.ts'

/** What a step may say of the pool that bounds how many steps like it run at once. */
export interface PoolOptions {
  /** A pool that the location declares. */
  readonly pool?: string
  /** How many of its slots the step takes. Default 1. */
  readonly slots?: number
}

export const poolShape: OptionShape<PoolOptions> = { pool: aText('api'), slots: aNumber }

/** The slots that a step takes of a pool. */
export const PoolUse = z.object({ name: z.string(), slots: z.int().min(1) })
export type PoolUse = z.infer<typeof PoolUse>

/** How many slots each pool of a location has. */
export const Pools = z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_-]{0,62}$/, 'a pool name has letters, digits, _ and -'), z.int().min(1))
export type Pools = z.infer<typeof Pools>

/** What of a pool a definition takes; nothing where it names none. @throws DefinitionError where slots are no whole number, or belong to no pool */
export function poolUseOf(what: string, { pool, slots }: PoolOptions): PoolUse | undefined {
  if (pool === undefined) {
    if (slots === undefined) return undefined
    throw new DefinitionError(`${what} has slots and no pool that they are of. Name it: pool: '…'.`)
  }
  const use = PoolUse.safeParse({ name: pool, slots: slots ?? 1 })
  if (use.success) return use.data
  throw new DefinitionError(`The slots of ${what} must be a whole number from 1, not ${JSON.stringify(slots)}.`)
}

/** @throws DefinitionError where a pool is not declared, or has fewer slots than are asked of it */
export function checkPoolUse(what: string, use: PoolUse | undefined, pools: Pools, location: string): void {
  if (use === undefined) return
  const slots = pools[use.name]
  if (slots === undefined) {
    const known = Object.keys(pools)
    throw new DefinitionError(
      `${what} names the pool ${use.name}, which the location ${location} does not declare. ${
        known.length === 0 ? `Declare it: defineLocation({ pools: { ${use.name}: 1 }, … }).` : `Its pools are: ${known.join(', ')}.`
      }`,
    )
  }
  if (use.slots > slots) {
    throw new DefinitionError(
      `${what} asks for ${String(use.slots)} slots of the pool ${use.name}, which has ${String(slots)}. Raise the one, or lower the other.`,
    )
  }
}
