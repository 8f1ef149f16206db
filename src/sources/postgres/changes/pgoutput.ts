import { SourceError } from '../../../errors.ts'
import { readerOf } from '../../formats/pgcopy-values.ts'
import type { ReadValue } from '../../formats/pgcopy-values.ts'

/** A row's values by column; undefined where the log does not say what is there. */
type Values = Record<string, unknown>

/** What one message of the log says. */
export type Change =
  | { readonly kind: 'write'; readonly table: string; readonly row: Values; /** The key it had before, where it had another. */ readonly before?: Values }
  | { readonly kind: 'delete'; readonly table: string; readonly row: Values }
  | { readonly kind: 'truncate'; readonly tables: readonly string[] }
  /** Where the next transaction begins. */
  | { readonly kind: 'commit'; readonly end: bigint }

export interface ChangeReaderOptions {
  /** The OID by which a type's values are read: of a domain that of its base type. */
  readonly typeOf: (oid: number) => number
  /** The columns of a table's primary key; none where it has none. What the log calls a key is the whole row under REPLICA IDENTITY FULL. */
  readonly keyOf: (table: string) => readonly string[]
}

interface Relation {
  readonly table: string
  readonly columns: readonly { readonly name: string; readonly read: ReadValue | undefined }[]
}

interface Reading {
  readonly bytes: Buffer
  at: number
}

function int16(reading: Reading): number {
  reading.at += 2
  return reading.bytes.readInt16BE(reading.at - 2)
}
function int32(reading: Reading): number {
  reading.at += 4
  return reading.bytes.readUInt32BE(reading.at - 4)
}
function letter(reading: Reading): string {
  reading.at += 1
  return String.fromCharCode(reading.bytes[reading.at - 1] ?? 0)
}
function name(reading: Reading): string {
  const end = reading.bytes.indexOf(0, reading.at)
  const text = reading.bytes.toString('utf8', reading.at, end)
  reading.at = end + 1
  return text
}

/**
 * Reads the messages of `pgoutput`, version 1, with binary values (PostgreSQL's manual, "Logical Replication Message Formats"), in their order:
 * what a table is like is said before its first change.
 * @throws SourceError `POSTGRES_UNCHANGED_VALUE`: an UPDATE left a large value alone, and the log does not have it
 */
export function createChangeReader({ typeOf, keyOf }: ChangeReaderOptions): (message: Buffer) => Change | undefined {
  const relations = new Map<number, Relation>()

  function readRelation(reading: Reading): void {
    const oid = int32(reading)
    const schema = name(reading)
    const table = `${schema}.${name(reading)}`
    letter(reading)
    const columns = Array.from({ length: int16(reading) }, () => {
      letter(reading)
      const column = { name: name(reading), read: readerOf(typeOf(int32(reading))) }
      int32(reading)
      return column
    })
    relations.set(oid, { table, columns })
  }
  function relationOf(reading: Reading): Relation {
    const oid = int32(reading)
    const relation = relations.get(oid)
    if (relation === undefined) throw new TypeError(`pgoutput names a relation ${String(oid)} that it has not described`)
    return relation
  }
  function readTuple(reading: Reading, { columns }: Relation): Values {
    const row: Values = {}
    const count = int16(reading)
    for (let index = 0; index < count; index += 1) {
      const column = columns[index]
      const kind = letter(reading)
      if (kind === 'n' || kind === 'u') {
        row[column?.name ?? ''] = kind === 'n' ? null : undefined
        continue
      }
      const length = int32(reading)
      // A type without a binary form comes as text all the same.
      row[column?.name ?? ''] =
        kind === 't' || column?.read === undefined
          ? reading.bytes.toString('utf8', reading.at, reading.at + length)
          : column.read(reading.bytes, reading.at, length)
      reading.at += length
    }
    return row
  }
  function readUpdate(reading: Reading): Change {
    const relation = relationOf(reading)
    let kind = letter(reading)
    let old: Values | undefined
    if (kind !== 'N') {
      old = readTuple(reading, relation)
      kind = letter(reading)
    }
    const row = readTuple(reading, relation)
    for (const column of relation.columns) {
      if (row[column.name] !== undefined) continue
      row[column.name] = old?.[column.name]
      if (row[column.name] === undefined) throw unchangedValue(relation.table, column.name)
    }
    const keys = keyOf(relation.table)
    return { kind: 'write', table: relation.table, row, ...(old !== undefined && keys.some((key) => !isSame(old[key], row[key])) ? { before: old } : {}) }
  }

  return (message) => {
    const reading: Reading = { bytes: message, at: 0 }
    switch (letter(reading)) {
      case 'R':
        readRelation(reading)
        return undefined
      case 'I': {
        const relation = relationOf(reading)
        letter(reading)
        return { kind: 'write', table: relation.table, row: readTuple(reading, relation) }
      }
      case 'U':
        return readUpdate(reading)
      case 'D': {
        const relation = relationOf(reading)
        letter(reading)
        return { kind: 'delete', table: relation.table, row: readTuple(reading, relation) }
      }
      case 'T': {
        const count = int32(reading)
        letter(reading)
        return { kind: 'truncate', tables: Array.from({ length: count }, () => relationOf(reading).table) }
      }
      case 'C':
        // Flags, where the commit is, where it ends.
        return { kind: 'commit', end: message.readBigUInt64BE(10) }
      default:
        return undefined
    }
  }
}

function isSame(one: unknown, other: unknown): boolean {
  return one instanceof Uint8Array && other instanceof Uint8Array ? Buffer.compare(one, other) === 0 : Object.is(one, other)
}

function unchangedValue(table: string, column: string): SourceError {
  return new SourceError(`An UPDATE of ${table} left its large ${column} alone, and the log does not say what is there.`, {
    code: 'POSTGRES_UNCHANGED_VALUE',
    retryable: false,
    hint: `Run ALTER TABLE ${table} REPLICA IDENTITY FULL at the source, then load the table anew from its beginning.`,
  })
}
