import * as z from 'zod'
import { isObject } from '../describe-value.ts'
import { aKind } from '../option-kinds.ts'

/** Which dependencies a condition looks at; all of them where it says nothing. Keys. */
const chosen = { only: z.array(z.string()).min(1).optional(), ignore: z.array(z.string()).min(1).optional() }
const labelled = { label: z.string().optional() }

/** Conditions that hang on nothing but the asset, or the partition of it, that they are asked of. */
export const leafKinds = [
  'missing',
  'runInProgress',
  'backfillInProgress',
  'executionFailed',
  'newlyUpdated',
  'newlyRequested',
  'willBeRequested',
  'updatedWithTarget',
  'codeVersionChanged',
  'initialEvaluation',
] as const
export type LeafKind = (typeof leafKinds)[number]

interface Labelled {
  /** As it is called where it is shown. */
  readonly label?: string | undefined
}

interface Joined<Kind> extends Labelled {
  readonly kind: Kind
  readonly of: readonly Condition[]
}

interface Wrapped<Kind> extends Labelled {
  readonly kind: Kind
  readonly of: Condition
}

interface OfDeps<Kind> extends Wrapped<Kind> {
  readonly only?: readonly string[] | undefined
  readonly ignore?: readonly string[] | undefined
}

/** An automation condition: a tree of plain data. */
export type Condition =
  | { readonly kind: LeafKind }
  | { readonly kind: 'latestWindow'; readonly lookbackMs?: number | undefined }
  | { readonly kind: 'cronTickPassed'; readonly cron: string; readonly timeZone: string }
  | Joined<'all'>
  | Joined<'any'>
  | Wrapped<'not'>
  | Wrapped<'newlyTrue'>
  | (Labelled & { readonly kind: 'since'; readonly trigger: Condition; readonly reset: Condition })
  | OfDeps<'anyDeps'>
  | OfDeps<'allDeps'>
  | (Wrapped<'asset'> & { readonly key: string })

const nested: z.ZodType<Condition> = z.lazy(() => Condition)

/** A condition as data, in the manifest. */
export const Condition: z.ZodType<Condition> = z.discriminatedUnion('kind', [
  z.object({ kind: z.enum(leafKinds) }),
  z.object({ kind: z.literal('latestWindow'), lookbackMs: z.int().positive().optional() }),
  z.object({ kind: z.literal('cronTickPassed'), cron: z.string(), timeZone: z.string() }),
  z.object({ kind: z.enum(['all', 'any']), ...labelled, of: z.array(nested).min(1) }),
  z.object({ kind: z.enum(['not', 'newlyTrue']), ...labelled, of: nested }),
  z.object({ kind: z.literal('since'), ...labelled, trigger: nested, reset: nested }),
  z.object({ kind: z.enum(['anyDeps', 'allDeps']), ...labelled, ...chosen, of: nested }),
  z.object({ kind: z.literal('asset'), ...labelled, key: z.string(), of: nested }),
])

/** Of its parts the location asks, which knows what they name. */
export const conditionKind = aKind('a condition, as eager() or when.missing() answers it', (value) => isObject(value) && typeof value['kind'] === 'string')

/** The conditions that one is made of. */
function childrenOf(condition: Condition): readonly Condition[] {
  if (condition.kind === 'since') return [condition.trigger, condition.reset]
  if (condition.kind === 'all' || condition.kind === 'any') return condition.of
  return 'of' in condition ? [condition.of] : []
}

/** A condition with all that it is made of. */
export function withParts(condition: Condition): readonly Condition[] {
  return [condition, ...childrenOf(condition).flatMap(withParts)]
}

/** Names that were asked for: those of 2,000 assets are asked for at each evaluation. */
const named = new WeakMap<Condition, string>()

/** What a condition is called, as it is written: `not(missing)`. */
export function nameOf(condition: Condition): string {
  const known = named.get(condition)
  if (known !== undefined) return known
  const name = writtenName(condition)
  named.set(condition, name)
  return name
}

function writtenName(condition: Condition): string {
  if ('label' in condition && condition.label !== undefined) return condition.label
  if (condition.kind === 'cronTickPassed') return `cronTickPassed(${condition.cron}, ${condition.timeZone})`
  if (condition.kind === 'asset') return `asset(${condition.key}, ${nameOf(condition.of)})`
  const parts = childrenOf(condition)
  return parts.length === 0 ? condition.kind : `${condition.kind}(${parts.map(nameOf).join(', ')})`
}
