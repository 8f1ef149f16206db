import * as z from 'zod'
import type { JsonObject } from '../../definitions/json.ts'
import type { AssetSpec } from '../../definitions/manifest.ts'
import { configOfStep, fieldsOf, JobConfig } from '../../definitions/ops/job-config.ts'
import type { OpStepSpec } from '../../definitions/ops/job-spec.ts'
import { MillraceError } from '../../errors.ts'

/**
 * Checks a run's configuration against the JSON Schemas of its assets' configurations. One object serves all of them.
 * Defaults are filled in by the worker, from the definitions themselves.
 * @throws MillraceError `CONFIG_INVALID` naming every field that is wrong, and the ones there are.
 */
export function checkRunConfig(assets: readonly AssetSpec[], config: JsonObject): JsonObject {
  const known = new Set<string>()
  const problems: string[] = []
  for (const asset of assets.flatMap(configuredOf)) {
    if (asset.configSchema === undefined) continue
    const jsonSchema = z.looseObject({ properties: z.record(z.string(), z.unknown()).optional() }).parse(asset.configSchema)
    const fields = Object.keys(jsonSchema.properties ?? {})
    for (const field of fields) known.add(field)
    const own = Object.fromEntries(Object.entries(config).filter(([field]) => fields.includes(field)))
    const parsed = z.fromJSONSchema(jsonSchema as Parameters<typeof z.fromJSONSchema>[0]).safeParse(own)
    if (!parsed.success) problems.push(...parsed.error.issues.map((issue) => `${issue.path.join('.') || '(whole)'} of ${asset.key}: ${issue.message}`))
  }
  problems.push(
    ...Object.keys(config)
      .filter((field) => !known.has(field))
      .map((field) => `${field}: no asset of this run has such a setting`),
  )
  if (problems.length > 0) {
    throw new MillraceError(`The run configuration does not fit. ${problems.join('; ')}.`, {
      code: 'CONFIG_INVALID',
      hint: known.size === 0 ? 'These assets take no configuration.' : `The settings are: ${[...known].join(', ')}.`,
    })
  }
  return config
}

/** An asset, and the ops that make its value. */
function configuredOf(asset: AssetSpec): readonly { readonly key: string; readonly configSchema?: unknown }[] {
  if (asset.kind === 'sql' || asset.kind === 'external') return []
  const steps = asset.kind === 'function' ? (asset.graph?.steps ?? []) : []
  return [asset, ...steps.map((step) => ({ ...step, key: `${asset.key}.${step.name}` }))]
}

/**
 * Checks a run's configuration against those of a job's steps.
 * @throws MillraceError `CONFIG_INVALID` naming every field that is wrong, and the ones there are
 */
export function checkJobConfig(job: string, steps: readonly OpStepSpec[], config: JsonObject): JsonObject {
  const own = JobConfig.safeParse(config)
  if (!own.success)
    throw invalid(
      own.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`),
      `${job} takes \`ops: { step: { config: { … } } }\`.`,
    )
  const problems: string[] = []
  const known = new Set<string>()
  for (const step of steps) {
    const fields = Object.keys(fieldsOf(step))
    for (const field of fields) known.add(field)
    const of = own.data.ops?.[step.name]?.config ?? {}
    problems.push(
      ...Object.keys(of)
        .filter((field) => !fields.includes(field))
        .map((field) => `ops.${step.name}.config.${field}: the step has no such setting`),
    )
    if (step.configSchema === undefined) continue
    const effective = Object.fromEntries(Object.entries(configOfStep(config, step.name)).filter(([field]) => fields.includes(field)))
    const parsed = z.fromJSONSchema(step.configSchema as Parameters<typeof z.fromJSONSchema>[0]).safeParse(effective)
    if (parsed.success) continue
    for (const { path, message } of parsed.error.issues) {
      const at = path.join('.') || '(whole)'
      problems.push(path[0] !== undefined && String(path[0]) in of ? `ops.${step.name}.config.${at}: ${message}` : `${at} of ${step.name}: ${message}`)
    }
  }
  const names = steps.map(({ name }) => name)
  problems.push(
    ...Object.keys(own.data.ops ?? {})
      .filter((name) => !names.includes(name))
      .map((name) => `ops.${name}: the job has no such step`),
  )
  problems.push(
    ...Object.keys(config)
      .filter((field) => field !== 'ops' && !known.has(field))
      .map((field) => `${field}: no step of this job has such a setting`),
  )
  if (problems.length === 0) return config
  throw invalid(
    problems,
    known.size === 0 ? `${job} takes no configuration.` : `The settings are: ${[...known].join(', ')}. The steps are: ${names.join(', ')}.`,
  )
}

/** The configuration of a launch over that of its job: field by field, and of single steps field by field too. */
export function mergeConfig(ofJob: JsonObject, given: JsonObject): JsonObject {
  const [below, above] = [JobConfig.safeParse(ofJob).data?.ops ?? {}, JobConfig.safeParse(given).data?.ops ?? {}]
  const merged = { ...ofJob, ...given }
  const names = [...new Set([...Object.keys(below), ...Object.keys(above)])]
  if (names.length === 0) return merged
  return {
    ...merged,
    ops: { ...below, ...above, ...Object.fromEntries(names.map((name) => [name, { config: { ...below[name]?.config, ...above[name]?.config } }])) },
  }
}

function invalid(problems: readonly string[], hint: string): MillraceError {
  return new MillraceError(`The run configuration does not fit. ${problems.join('; ')}.`, { code: 'CONFIG_INVALID', hint })
}
