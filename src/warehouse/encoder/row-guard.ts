import type * as z from 'zod'
import type { SchemaMode } from '../../definitions/schema-contract.ts'
import type { ColumnLimit } from '../column-limits.ts'
import { createCounter } from '../row-notes.ts'
import type { RowNotes } from '../row-notes.ts'
import { describeValue } from './cell-writer.ts'
import type { ColumnIssue } from './row-encoder.ts'

type Row = Readonly<Record<string, unknown>>

/** Looks for what a row carries and its table has no place for, and counts what is left out. */
export interface RowGuard {
  /** @param present how many fields of the definition the row has; undefined where nobody counted. Answers what is against the row. */
  inspect(row: Row, present: number | undefined): ColumnIssue[] | null
  /** Whether rows may have fields that the definition does not have. */
  readonly takesUnknown: boolean
  /** Names of such fields that rows were added with, one after the other: to be cut off where rows are taken back. */
  readonly unknownNames: string[]
  /** A value of the row in hand is left out. */
  discard(column: string): void
  /** How many values are left out of rows in hand; to be handed to `rollBack` when they are refused. */
  mark(): number
  rollBack(mark: number): void
  /** The rows in hand are in the stream. */
  commit(): void
  take(): RowNotes | undefined
}

export interface RowGuardOptions {
  readonly schema: z.ZodObject
  readonly limits: readonly ColumnLimit[]
  readonly unknownFields: SchemaMode
}

const known = null

/** Where the object itself refuses unknown fields, zod has said so already. */
function isStrict({ def }: z.ZodObject): boolean {
  return def.catchall?._zod.def.type === 'never'
}

/** Object.keys would make an array for each row. */
function countFields(row: Row): number {
  let count = 0
  // oxlint-disable-next-line guard-for-in
  for (const _ in row) count += 1
  return count
}

export function createRowGuard({ schema, limits, unknownFields }: RowGuardOptions): RowGuard {
  const absent = limits.filter(({ found }) => found === null)
  const fields = Object.keys(schema.shape)
  const looks = !isStrict(schema)
  const refuses = unknownFields === 'freeze' || unknownFields === 'discard_row'
  const discarded = createCounter()
  const unknown = createCounter()
  // Every name seen: what is known has no count. A source that invents a name per record must not fill the memory.
  let slots = new Map<string, { n: number } | typeof known>()
  const mostSlots = fields.length + 1000
  const forget = (): void => {
    for (const [name, slot] of slots) if (slot !== known) unknown.add(name, slot.n)
    slots = new Map(fields.map((field) => [field, known]))
  }
  forget()
  let pending: string[] = []
  const unknownNames: string[] = []

  function seeUnknown(row: Row, issues: ColumnIssue[]): void {
    for (const field of Object.keys(row)) {
      const slot = slots.get(field)
      if (slot === known || row[field] === undefined) continue
      if (refuses) {
        const message = `is no field of the definition, and the contract ${unknownFields === 'freeze' ? 'freezes it' : 'discards such records'}`
        const issue = { column: field.toWellFormed().replaceAll('\0', '\u2400'), message, value: describeValue(row[field]) }
        issues.push(unknownFields === 'freeze' ? { ...issue, frozen: true } : issue)
      } else countUnknown(field)
    }
  }

  function countUnknown(field: string): void {
    const slot = slots.get(field)
    if (slot === undefined) {
      if (slots.size > mostSlots) forget()
      slots.set(field, { n: 1 })
    } else if (slot !== known) slot.n += 1
  }

  function seeAbsent(row: Row, issues: ColumnIssue[]): void {
    for (const { name, field, discard } of absent) {
      const value = row[field]
      if (value === null || value === undefined) continue
      if (discard === 'value') pending.push(name)
      else issues.push({ column: name, message: 'is no column of the table, and the contract discards such records', value: describeValue(value) })
    }
  }

  return {
    takesUnknown: !refuses,
    unknownNames,
    inspect(row, present) {
      // A row that has no more fields than were found in it has none that are unknown: a look of 20 ns.
      if (absent.length === 0 && (!looks || (present !== undefined && countFields(row) <= present))) return null
      const issues: ColumnIssue[] = []
      if (absent.length > 0) seeAbsent(row, issues)
      if (looks) seeUnknown(row, issues)
      return issues.length === 0 ? null : issues
    },
    discard: (column) => void pending.push(column),
    mark: () => pending.length,
    rollBack(mark) {
      pending.length = mark
    },
    commit() {
      if (pending.length === 0) return
      for (const column of pending) discarded.add(column)
      pending = []
    },
    take() {
      for (const name of unknownNames) countUnknown(name)
      unknownNames.length = 0
      forget()
      const [unknownCounts, discardedValues] = [unknown.take(), discarded.take()]
      if (unknownCounts === undefined && discardedValues === undefined) return undefined
      return { ...(unknownCounts === undefined ? {} : { unknownFields: unknownCounts }), ...(discardedValues === undefined ? {} : { discardedValues }) }
    },
  }
}
