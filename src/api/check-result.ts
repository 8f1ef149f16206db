import * as z from 'zod'
import { readCheckHistory } from '../catalog/read/assets.ts'
import type { CheckResultRead } from '../catalog/read/assets.ts'
import { checkStateOf, checkStates } from '../definitions/check-outcome.ts'
import type { CheckSpec } from '../definitions/check-spec.ts'
import { redact } from '../redact.ts'
import { route } from './route.ts'

const CheckState = z.enum(checkStates).meta({ id: 'CheckState', description: 'A check of severity `warn` that does not pass has warned.' })
const Severity = z.enum(['warn', 'error'])

export const CheckResult = z
  .object({
    asset: z.string(),
    name: z.string(),
    runId: z.uuid(),
    state: CheckState,
    passed: z.boolean(),
    blocking: z.boolean(),
    severity: Severity,
    message: z.string(),
    metadata: z.record(z.string(), z.json()).meta({ description: 'What was expected and found, and up to five examples of what does not fit.' }),
    at: z.iso.datetime(),
  })
  .meta({ id: 'CheckResult' })
export type CheckResult = z.output<typeof CheckResult>

export const AssetCheck = z
  .object({
    name: z.string(),
    kind: z.string().meta({
      description:
        '`not-empty`, `unique` and so on; `function` of a function asset’s; `reported` where its function reported a check that it does not declare.',
    }),
    blocking: z.boolean(),
    severity: Severity,
    description: z.string().nullable(),
    state: CheckState,
    last: CheckResult.nullable(),
  })
  .meta({ id: 'AssetCheck' })
export type AssetCheck = z.output<typeof AssetCheck>

export function presentCheck({ asset, name, runId, passed, blocking, severity, message, metadata, at }: CheckResultRead): CheckResult {
  const shown = z.record(z.string(), z.json()).parse(redact(metadata))
  return { asset, name, runId, state: checkStateOf({ passed, severity }), passed, blocking, severity, message, metadata: shown, at }
}

/** The checks that an asset declares, and those that the function of its last run reported beside them; each with its last result. */
export function checksOf(declared: readonly CheckSpec[], results: readonly CheckResultRead[], lastRun: string | null | undefined): AssetCheck[] {
  const own = declared.map((spec): AssetCheck => {
    const last = results.find((one) => one.name === spec.name)
    return {
      name: spec.name,
      kind: spec.kind,
      blocking: spec.blocking,
      severity: spec.severity ?? 'error',
      description: spec.description ?? null,
      state: checkStateOf(last),
      last: last === undefined ? null : presentCheck(last),
    }
  })
  const reported = results.filter((one) => one.runId === lastRun && !declared.some(({ name }) => name === one.name))
  return [
    ...own,
    ...reported.map((one): AssetCheck => {
      const { name, blocking, severity } = one
      return { name, kind: 'reported', blocking, severity, description: null, state: checkStateOf(one), last: presentCheck(one) }
    }),
  ]
}

const listCheckResults = route({
  method: 'get',
  path: '/check-results',
  operation: 'listCheckResults',
  summary: 'The last results of a check, the newest first',
  description: 'The last hundred of each check are kept.',
  query: z.object({
    location: z.string(),
    asset: z.string(),
    name: z.string().meta({ description: 'Of the check.' }),
    limit: z.coerce.number<string>().int().min(1).max(100).default(20),
  }),
  response: z.object({ results: z.array(CheckResult) }).meta({ id: 'CheckResultList' }),
}).handle(async ({ query, parts }) => ({ body: { results: (await readCheckHistory(parts.pool, query)).map(presentCheck) } }))

export const checkRoutes = [listCheckResults]
