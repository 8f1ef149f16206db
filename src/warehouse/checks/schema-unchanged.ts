import type { Verdict } from './rows.ts'

/** Columns with their types, as one load left them. */
export type SchemaShape = readonly { readonly name: string; readonly type: string }[]

/** Compares the columns with those of the last load that was published. */
export function judgeSchema(types: ReadonlyMap<string, string>, before: SchemaShape | undefined): Verdict {
  const columns = [...types].map(([name, type]) => ({ name, type }))
  if (before === undefined)
    return { passed: true, message: `there are ${String(types.size)} columns, and none before to compare them with.`, metadata: { columns } }
  const known = new Map(before.map(({ name, type }) => [name, type]))
  const added = [...types].filter(([name]) => !known.has(name)).map(([name, type]) => `${name} ${type}`)
  const gone = [...known.keys()].filter((name) => !types.has(name))
  const changed = [...types].flatMap(([name, type]) => {
    const old = known.get(name)
    return old === undefined || old === type ? [] : [`${name} from ${old} to ${type}`]
  })
  const parts = [
    ...(added.length === 0 ? [] : [`added: ${added.join(', ')}`]),
    ...(gone.length === 0 ? [] : [`gone: ${gone.join(', ')}`]),
    ...(changed.length === 0 ? [] : [`changed: ${changed.join(', ')}`]),
  ]
  if (parts.length === 0) return { passed: true, message: `the ${String(types.size)} columns are as before.`, metadata: { columns } }
  return {
    passed: false,
    message: `the columns are not as before: ${parts.join('; ')}. To take them as they are, run once with \`blocking: false\`.`.slice(0, 2000),
    metadata: { columns, expected: before, added, gone, changed },
  }
}
