import { leafKinds } from '../../definitions/automation/condition.ts'
import type { Condition, LeafKind } from '../../definitions/automation/condition.ts'
import { moment } from '../../definitions/moment.ts'
import { everyPartition, idOf, isOneRun } from './facts.ts'
import type { Cell } from './facts.ts'
import type { Outcome, Scope } from './outcome.ts'

interface Asked {
  readonly cell: Cell
  /** Its `idOf`. */
  readonly id: string
  readonly scope: Scope
  readonly asReset: boolean
}

interface Leaf {
  /** It is true of one evaluation, and no longer of the next. */
  readonly momentary?: true
  readonly find: (asked: Asked) => Pick<Outcome, 'value' | 'why' | 'at'>
}

const no = { value: false }

/** The conditions that are made of no others. */
const leaves: Readonly<Record<LeafKind, Leaf>> = {
  missing: {
    find({ cell, id, scope }) {
      const at = scope.facts.materialized.get(id)
      if (at !== undefined) return { value: false, why: `materialized at ${moment(at)}` }
      return { value: true, why: cell.partition === everyPartition ? 'some were never materialized' : 'never materialized' }
    },
  },
  runInProgress: { find: ({ id, scope }) => madeBy('run', scope.facts.running.get(id)) },
  backfillInProgress: { find: ({ id, scope }) => madeBy('backfill', scope.facts.backfilling.get(id)) },
  executionFailed: { find: ({ id, scope }) => ({ value: scope.facts.failed.has(id) }) },
  newlyUpdated: {
    momentary: true,
    find({ id, scope, asReset }) {
      const update = scope.initial ? undefined : scope.facts.updates.get(id)
      if (update === undefined) return no
      const by = update.run === undefined ? '' : ` by the run ${update.run}`
      return { value: true, at: asReset ? update.began : update.at, why: `materialized at ${moment(update.at)}${by}` }
    },
  },
  updatedWithTarget: {
    find({ id, scope: { facts, root } }) {
      const update = facts.updates.get(id)
      const isMade = update?.runAssets.has(root.asset) === true && (root.partition === '' || update.runPartitions?.has(root.partition) === true)
      return isMade ? { value: true, why: `the run ${update.run ?? ''} makes both` } : no
    },
  },
  newlyRequested: {
    momentary: true,
    find: ({ scope: { askedAt, facts } }) =>
      askedAt !== undefined && askedAt === facts.before ? { value: true, at: askedAt, why: `asked for at ${moment(askedAt)}` } : no,
  },
  willBeRequested: {
    momentary: true,
    find: ({ cell, id, scope: { facts, requested, root } }) =>
      requested.has(id) && isOneRun(facts, root.asset, cell.asset) ? { value: true, at: facts.now, why: 'asked for now' } : no,
  },
  codeVersionChanged: { momentary: true, find: ({ scope }) => (scope.codeChanged ? { value: true, at: scope.facts.now } : no) },
  initialEvaluation: { momentary: true, find: ({ scope }) => (scope.initial ? { value: true, at: scope.facts.now } : no) },
}

const madeBy = (what: string, id: string | undefined) => (id === undefined ? no : { value: true, why: `the ${what} ${id}` })

const kinds: ReadonlySet<string> = new Set(leafKinds)

export const isLeaf = (condition: Condition): condition is { readonly kind: LeafKind } => kinds.has(condition.kind)

export function evaluateLeaf(kind: LeafKind, cell: Cell, scope: Scope, asReset: boolean): Outcome {
  const leaf = leaves[kind]
  const found = leaf.find({ cell, id: idOf(cell), scope, asReset })
  if (found.value && leaf.momentary === true) scope.momentary = true
  return { name: kind, kind, ...found }
}
