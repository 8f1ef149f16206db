import * as z from 'zod'
import { jsonSchemaOf } from '../json-schema.ts'
import type { Json, JsonObject } from '../json.ts'
import type { OpStepSpec } from './job-spec.ts'

const config = z.record(z.string(), z.json())

/** What a run configuration says for one step alone. */
export const StepConfig = z.strictObject({ config: config.default({}) })

/** A run configuration's part for single steps, by their names. */
const JobConfig = z.looseObject({ ops: z.record(z.string(), StepConfig).optional() })

/** What a step is configured with: the fields that all steps share, and its own over them. */
export function configOfStep(runConfig: JsonObject, step: string): JsonObject {
  const { ops, ...shared } = runConfig
  const own = ops === undefined ? undefined : JobConfig.safeParse({ ops }).data?.ops?.[step]
  return { ...shared, ...own?.config }
}

/** The same in a run of assets. An asset may have a field of its own that is called `ops`; then that is what `ops` is. */
export function configOfAssetStep(runConfig: JsonObject, step: string, schema: z.ZodType | undefined): JsonObject {
  return schema !== undefined && hasOpsField(schema) ? runConfig : configOfStep(runConfig, step)
}

const opsFields = new WeakMap<z.ZodType, boolean>()

/** Remembered, as it is asked for each batch. */
function hasOpsField(schema: z.ZodType): boolean {
  const known = opsFields.get(schema)
  if (known !== undefined) return known
  const has = Object.hasOwn(fieldsOf({ configSchema: jsonSchemaOf(schema) }), 'ops')
  opsFields.set(schema, has)
  return has
}

const ObjectSchema = z.looseObject({ properties: z.record(z.string(), z.json()).optional() })

/** The fields that a step's configuration has; none where it takes none. */
export function fieldsOf({ configSchema }: Pick<OpStepSpec, 'configSchema'>): Readonly<Record<string, Json>> {
  return ObjectSchema.safeParse(configSchema).data?.properties ?? {}
}

/** JSON Schema of a job's run configuration: its steps' fields, flat, and each step's own under `ops`. */
export function jobConfigSchema(steps: readonly OpStepSpec[]): JsonObject {
  const properties: Record<string, Json> = {}
  const ops: Record<string, Json> = {}
  for (const step of steps) {
    if (step.configSchema === undefined) continue
    const fields = fieldsOf(step)
    for (const [name, schema] of Object.entries(fields)) properties[name] ??= schema
    ops[step.name] = {
      type: 'object',
      properties: { config: { type: 'object', properties: fields, additionalProperties: false } },
      additionalProperties: false,
    }
  }
  if (Object.keys(ops).length === 0) return { type: 'object', properties: {}, additionalProperties: false }
  return { type: 'object', properties: { ...properties, ops: { type: 'object', properties: ops, additionalProperties: false } }, additionalProperties: false }
}
