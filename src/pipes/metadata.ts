import * as z from 'zod'
import type { Json, JsonObject } from '../definitions/json.ts'
import type { MetadataFields } from '../definitions/metadata/fields.ts'
import { metadata } from '../definitions/metadata/index.ts'
import type { MetadataValue } from '../definitions/metadata/index.ts'

/** The metadata of a message: by name, each with its type; `__infer__` where the script gave a plain value. */
export const PipesMetadata = z.record(z.string(), z.object({ raw_value: z.unknown(), type: z.string() }))
type PipesMetadata = z.infer<typeof PipesMetadata>

/** The values alone. */
export function plainMetadata(given: PipesMetadata): JsonObject {
  return Object.fromEntries(Object.entries(given).map(([name, { raw_value: value }]) => [name, (value ?? null) as Json]))
}

const Column = z.object({
  name: z.string(),
  type: z.string().default('string'),
  description: z.string().nullish(),
  constraints: z.object({ nullable: z.boolean().optional() }).nullish(),
})
const Row = z.record(z.string(), z.json())
const TableValue = z.object({ records: z.array(Row), schema: z.array(Column).nullish() })
const Source = z.object({ asset_key: z.union([z.string(), z.array(z.string())]), column_name: z.string() })
/** What JSON has no numbers for comes as text. */
const Float = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])])

/** The kinds of metadata that the protocol names, as `metadata_value_from_external` of dagster reads them. A notebook is a path to us. */
const kinds: Readonly<Record<string, (raw: unknown) => MetadataValue>> = {
  text: (raw) => metadata.text(z.string().parse(raw)),
  md: (raw) => metadata.markdown(z.string().parse(raw)),
  url: (raw) => metadata.url(z.string().parse(raw)),
  path: (raw) => metadata.path(z.string().parse(raw)),
  notebook: (raw) => metadata.path(z.string().parse(raw)),
  json: (raw) => metadata.json(z.json().parse(raw)),
  int: (raw) => metadata.int(typeof raw === 'string' ? BigInt(raw) : z.number().parse(raw)),
  float: (raw) => metadata.float(Number(Float.parse(raw))),
  bool: (raw) => metadata.bool(z.boolean().parse(raw)),
  null: () => metadata.null(),
  dagster_run: (raw) => metadata.run(z.string().parse(raw)),
  asset: (raw) => metadata.asset(z.string().parse(raw)),
  timestamp: (raw) => metadata.timestamp(new Date(z.number().parse(raw) * 1000)),
  table: (raw) => {
    const { records: rows, schema } = TableValue.parse(raw)
    return metadata.table({ rows, ...(schema === undefined || schema === null ? {} : { columns: schema.map(({ name }) => name) }) })
  },
  table_schema: (raw) => {
    const { columns } = z.object({ columns: z.array(Column) }).parse(raw)
    return metadata.tableSchema({
      columns: columns.map(({ name, type, description, constraints }) => ({
        name,
        type,
        ...(typeof description === 'string' ? { description } : {}),
        ...(constraints?.nullable === undefined ? {} : { nullable: constraints.nullable }),
      })),
    })
  },
  table_column_lineage: (raw) => {
    const { deps_by_column: columns } = z.object({ deps_by_column: z.record(z.string(), z.array(Source)) }).parse(raw)
    return metadata.columnLineage(
      Object.fromEntries(
        Object.entries(columns).map(([column, from]) => [column, from.map((one) => ({ asset: [one.asset_key].flat().join('/'), column: one.column_name }))]),
      ),
    )
  },
}

/** The values, each as the kind that the script named; what does not fit it, and what has none, is plain JSON. @param plain the values, without secrets */
export function typedMetadata(given: PipesMetadata, plain: JsonObject): MetadataFields {
  return Object.fromEntries(Object.entries(plain).map(([name, value]) => [name, valueOf(given[name]?.type, value)]))
}

function valueOf(type: string | undefined, value: Json): Json | MetadataValue {
  const kind = type === undefined || !Object.hasOwn(kinds, type) ? undefined : kinds[type]
  if (kind === undefined) return value
  try {
    return kind(value)
  } catch {
    return value
  }
}
