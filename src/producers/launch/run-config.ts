import * as z from 'zod'
import { refuseUnstorable } from '../../catalog/storable.ts'
import type { Json, JsonObject } from '../../definitions/json.ts'
import type { AssetSpec } from '../../definitions/manifest.ts'
import { fieldsOf, StepConfig } from '../../definitions/ops/job-config.ts'
import type { OpStepSpec } from '../../definitions/ops/job-spec.ts'
import { MillraceError } from '../../errors.ts'

/** A step as a run configuration knows it. */
type ConfiguredStep = Pick<OpStepSpec, 'name' | 'configSchema'>

/**
 * Checks a run's configuration against the JSON Schemas of its assets' configurations: fields for all of them that have them, and `ops: { step: { config } }` for one
 * alone. Its step is an asset's key, the name of a function of several, or `key.op` in a graph-backed one; for a key `a/b` there may be `a__b`, as Dagster calls its step.
 * Defaults are filled in by the worker, from the definitions themselves.
 * @returns the same, with steps called as they are
 * @throws MillraceError `CONFIG_INVALID` naming every field that is wrong, and the ones there are; for text that Postgres cannot store, where it is
 */
export function checkRunConfig(assets: readonly AssetSpec[], given: JsonObject): JsonObject {
  refuseUnstorable('The run configuration', 'CONFIG_INVALID', given)
  const steps = [...new Map(assets.flatMap(stepsOf).map((step) => [step.name, step])).values()]
  const hasOps = !steps.some((step) => Object.hasOwn(fieldsOf(step), 'ops'))
  const config = hasOps && isObject(given['ops']) ? { ...given, ops: withStepNames(given['ops'], steps) } : given
  const { problems, known } = examine(steps, config, hasOps, { step: 'the run has no such step', field: 'no asset of this run has such a setting' })
  if (problems.length === 0) return config
  const settings = known.length === 0 ? 'These assets take no configuration.' : `The settings are: ${known.join(', ')}.`
  throw invalid(problems, hasOps && 'ops' in config ? `${settings} The steps are: ${steps.map(({ name }) => name).join(', ')}.` : settings)
}

/** An asset's step, and the ops that make its value. */
function stepsOf(asset: AssetSpec): readonly ConfiguredStep[] {
  if (asset.kind === 'external') return []
  if (asset.kind === 'sql') return [{ name: asset.key }]
  const { key, configSchema } = asset
  const madeBy = asset.kind === 'function' ? asset.madeBy : undefined
  const ops = asset.kind === 'function' ? (asset.graph?.steps ?? []) : []
  return [
    { name: madeBy?.name ?? key, ...(configSchema === undefined ? {} : { configSchema }) },
    ...ops.map((step) => ({ ...step, name: `${key}.${step.name}` })),
  ]
}

const isObject = (value: Json | undefined): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value)

/** What is said of single steps, by the names that they have here. */
function withStepNames(ops: JsonObject, steps: readonly ConfiguredStep[]): JsonObject {
  const nameOf = (called: string): string => {
    const alike = steps.filter(({ name }) => name.replaceAll('/', '__') === called)
    const [only] = alike
    return alike.length !== 1 || only === undefined || steps.some(({ name }) => name === called) ? called : only.name
  }
  return mergeOps(Object.entries(ops).map(([called, own]) => [nameOf(called), own]))
}

/** Of what is said twice of a step the later counts, field by field. */
function mergeOps(entries: readonly (readonly [step: string, own: Json])[]): JsonObject {
  const merged = new Map<string, Json>()
  for (const [step, own] of entries) {
    const [before, after] = [StepConfig.safeParse(merged.get(step)), StepConfig.safeParse(own)]
    merged.set(step, before.success && after.success ? { config: { ...before.data.config, ...after.data.config } } : own)
  }
  return Object.fromEntries(merged)
}

/**
 * Checks a run's configuration against those of a job's steps.
 * @param partial whether more of it is made later, so that nothing is missing yet
 * @throws MillraceError `CONFIG_INVALID` as `checkRunConfig`
 */
export function checkJobConfig(job: string, steps: readonly OpStepSpec[], config: JsonObject, partial = false): JsonObject {
  refuseUnstorable('The run configuration', 'CONFIG_INVALID', config)
  const { problems, known } = examine(partial ? steps.map(withoutRequired) : steps, config, true, {
    step: 'the job has no such step',
    field: 'no step of this job has such a setting',
  })
  if (problems.length === 0) return config
  throw invalid(
    problems,
    known.length === 0
      ? `${job} takes no configuration.`
      : `The settings are: ${known.join(', ')}. The steps are: ${steps.map(({ name }) => name).join(', ')}.`,
  )
}

function withoutRequired({ name, configSchema }: ConfiguredStep): ConfiguredStep {
  return isObject(configSchema) ? { name, configSchema: { ...configSchema, required: [] } } : { name }
}

/**
 * What is wrong with a configuration, each with its path, and the names of the fields that there are.
 * @param hasOps whether `ops` stands for single steps, and is no field
 */
function examine(
  steps: readonly ConfiguredStep[],
  config: JsonObject,
  hasOps: boolean,
  unknown: { readonly step: string; readonly field: string },
): { readonly problems: readonly string[]; readonly known: readonly string[] } {
  const { ops, ...flat } = config
  const shared = hasOps ? flat : config
  const problems: string[] = []
  const known = new Set<string>()
  if (hasOps && ops !== undefined && !isObject(ops)) problems.push('ops: it must be an object with steps, as { step: { config: { … } } }')
  const own = new Map(hasOps && isObject(ops) ? Object.entries(ops) : [])
  for (const step of steps) {
    const fields = fieldsOf(step)
    for (const field of Object.keys(fields)) known.add(field)
    const parsed = StepConfig.safeParse(own.get(step.name) ?? {})
    if (!parsed.success) problems.push(...parsed.error.issues.map(({ path, message }) => `${['ops', step.name, ...path].join('.')}: ${message}`))
    else problems.push(...problemsOf(step, shared, parsed.data.config))
  }
  problems.push(
    ...[...own.keys()].filter((name) => !steps.some((step) => step.name === name)).map((name) => `ops.${name}: ${unknown.step}`),
    ...Object.keys(shared)
      .filter((field) => !known.has(field))
      .map((field) => `${field}: ${unknown.field}`),
  )
  return { problems, known: [...known] }
}

/** What is wrong of one step's. @param own what is said for it alone */
function problemsOf(step: ConfiguredStep, shared: JsonObject, own: JsonObject): string[] {
  const fields = fieldsOf(step)
  const problems = Object.keys(own)
    .filter((field) => !Object.hasOwn(fields, field))
    .map((field) => `ops.${step.name}.config.${field}: the step has no such setting`)
  if (step.configSchema === undefined) return problems
  const effective = Object.fromEntries(Object.entries({ ...shared, ...own }).filter(([field]) => Object.hasOwn(fields, field)))
  const parsed = z.fromJSONSchema(step.configSchema as Parameters<typeof z.fromJSONSchema>[0]).safeParse(effective)
  for (const { path, message } of parsed.error?.issues ?? []) {
    const at = path.join('.') || '(whole)'
    const isOwn = path[0] !== undefined && Object.hasOwn(own, String(path[0]))
    problems.push(isOwn ? `ops.${step.name}.config.${at}: ${message}` : `${at} of ${step.name}: ${message}`)
  }
  return problems
}

/** The configuration of a launch over that of its job: field by field, and of single steps field by field too. */
export function mergeConfig(ofJob: JsonObject, given: JsonObject): JsonObject {
  const merged = { ...ofJob, ...given }
  const [below, above] = [ofJob['ops'], given['ops']]
  return isObject(below) && isObject(above) ? { ...merged, ops: mergeOps([...Object.entries(below), ...Object.entries(above)]) } : merged
}

function invalid(problems: readonly string[], hint: string): MillraceError {
  return new MillraceError(`The run configuration does not fit. ${problems.join('; ')}.`, { code: 'CONFIG_INVALID', hint })
}
