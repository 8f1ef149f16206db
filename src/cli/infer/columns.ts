import { columnTypeOf } from './column-type.ts'
import type { ColumnType } from './column-type.ts'
import { remarksOf } from './remarks.ts'
import { fieldsOf } from './names.ts'
import { createProfile, observe } from './profile.ts'
import type { Profile, ValueKind } from './profile.ts'

/** A column as it is written down. */
export interface InferredColumn {
  readonly field: string
  /** As the source calls it. */
  readonly name: string
  /** The whole zod expression. */
  readonly code: string
  readonly kind: ColumnType['kind']
  /** Words of this column that mean NULL. */
  readonly nulls: readonly string[]
  /** What is said behind it. */
  readonly remarks: readonly string[]
  /** Whether it has a value in every row, and each another one. */
  readonly unique: boolean
}

/** Looks at records one by one. */
export interface Observer {
  readonly take: (record: Readonly<Record<string, unknown>>) => void
  readonly rows: () => number
  readonly columns: () => InferredColumn[]
}

/** @param names the columns, where they are known; else they are found in the records */
export function createObserver(kind: ValueKind, names: readonly string[] = []): Observer {
  const profiles = new Map(names.map((name) => [name, createProfile(name, kind)]))
  let rows = 0
  return {
    take(record) {
      rows += 1
      for (const [name, value] of Object.entries(record)) {
        let profile = profiles.get(name)
        if (profile === undefined) {
          profile = createProfile(name, kind)
          profiles.set(name, profile)
        }
        observe(profile, kind, value, rows)
      }
    },
    rows: () => rows,
    columns() {
      const all = [...profiles.values()]
      const fields = fieldsOf(
        all.map((one) => one.name),
        kind === 'values',
      )
      return all.map((profile, index) => columnOf(profile, kind, fields[index] ?? '', rows))
    },
  }
}

function columnOf(profile: Profile, kind: ValueKind, field: string, rows: number): InferredColumn {
  const type = columnTypeOf(profile, kind)
  const nulls = type.kind === 'text' ? [] : [...profile.nullWords.keys()]
  const nullable = profile.nulls > 0 || nulls.length > 0
  const missing = profile.seen < rows
  const suffix = nullable && missing ? '.nullish()' : nullable ? '.nullable()' : missing ? '.optional()' : ''
  return {
    field,
    name: profile.name,
    code: type.code + suffix,
    kind: type.kind,
    nulls,
    remarks: [...type.remarks, ...remarksOf(profile, type, rows)],
    unique: profile.unique !== undefined && profile.unique.size === rows,
  }
}
