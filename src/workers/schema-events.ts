import type { EventInput } from '../catalog/events.ts'
import type { TableSpec } from '../definitions/column-spec.ts'
import type { ColumnLimit } from '../warehouse/column-limits.ts'
import type { Prepared } from '../warehouse/prepare-load.ts'
import type { PublishResult } from '../warehouse/publish.ts'

const changed = ({ schema, name }: TableSpec, ddl: readonly string[]): EventInput[] =>
  ddl.length === 0 ? [] : [{ kind: 'schema', message: `The table ${schema}.${name} was changed.`, data: { ddl } }]

function limitText({ name, discard, found }: ColumnLimit): string {
  const has =
    found === null ? 'no such column' : `${found.type}${found.array ? '[]' : ''}${found.allowed === undefined ? '' : ` of ${found.allowed.join(', ')}`}`
  return `${name} (the table has ${has}): ${discard === 'row' ? 'such records go to quarantine' : 'such values are left out'}`
}

/** What preparing did to a table, and what it left as it is. */
export function schemaEvents(table: TableSpec, { ddl, limits }: Pick<Prepared, 'ddl' | 'limits'>): EventInput[] {
  if (limits.length === 0) return changed(table, ddl)
  const message = `The table ${table.schema}.${table.name} stays as it is, and cannot take all that its definition allows. ${limits.map(limitText).join('; ')}.`
  return [...changed(table, ddl), { kind: 'schema', level: 'warn', message, data: { limits } }]
}

const countsText = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([name, count]) => `${name} (${String(count)})`)
    .join(', ')

/** What publishing did to a table, and what of its rows did not get into it. */
export function publishedEvents(asset: string, { ddl = [], notes = {}, expired = 0 }: PublishResult): EventInput[] {
  const { unknownFields, discardedValues } = notes
  const events: EventInput[] = ddl.length === 0 ? [] : [{ kind: 'schema', message: `The partitions of ${asset} were changed.`, data: { ddl } }]
  if (unknownFields !== undefined) {
    const message = `Rows of ${asset} carry fields that its columns do not have, and that are not stored: ${countsText(unknownFields)}.`
    events.push({ kind: 'schema', message, data: { unknownFields } })
  }
  if (discardedValues !== undefined) {
    const message = `Values for ${asset} were left out, because its table cannot take them: ${countsText(discardedValues)}.`
    events.push({ kind: 'schema', level: 'warn', message, data: { discardedValues } })
  }
  if (expired > 0) {
    events.push({
      kind: 'schema',
      level: 'warn',
      message: `${String(expired)} rows for ${asset} are older than the partitions that it keeps, and went with them.`,
    })
  }
  return events
}
