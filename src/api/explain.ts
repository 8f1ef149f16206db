import * as z from 'zod'
import { endedStatuses, stepStatuses } from '../catalog/step-states.ts'
import type { StepStatus } from '../catalog/step-states.ts'
import { moment } from '../definitions/moment.ts'
import { sentence } from '../errors.ts'
import type { Parts } from './parts.ts'
import { RunStatus, runDetail } from './run-view.ts'
import type { RunDetail, Step } from './run-view.ts'
import { Wait } from './wait.ts'

export const Explanation = z
  .object({
    run: z.uuid(),
    status: RunStatus,
    message: z.string().meta({ description: 'What holds it, or what became of it, in a sentence.' }),
    waitsFor: Wait.nullable().meta({ description: 'What holds the whole run; null where nothing does.' }),
    steps: z.array(z.object({ id: z.uuid(), asset: z.string(), status: z.enum(stepStatuses), message: z.string(), waitsFor: Wait.nullable() })),
  })
  .meta({ id: 'Explanation' })
export type Explanation = z.output<typeof Explanation>

/** What holds a run and its steps, or what became of them; undefined where there is no such run. */
export async function explainRun(parts: Pick<Parts, 'pool'>, id: string): Promise<Explanation | undefined> {
  const run = await runDetail(parts, id)
  if (run === undefined) return undefined
  return {
    run: run.id,
    status: run.status,
    message: aboutRun(run),
    waitsFor: run.waitsFor,
    steps: run.steps.map((step) => ({ id: step.id, asset: step.asset, status: step.status, message: aboutStep(step), waitsFor: step.waitsFor })),
  }
}

const over: ReadonlySet<StepStatus> = new Set(endedStatuses)

function aboutRun(run: RunDetail): string {
  if (run.waitsFor !== null) return run.waitsFor.message
  if (run.endedAt !== null) {
    const why = run.error ?? run.steps.find((step) => step.status === 'failed')?.error
    const end = `It ${run.status === 'canceled' ? 'was canceled' : run.status} at ${moment(run.endedAt)}${why === null || why === undefined ? '.' : `: ${sentence(why.message)}`}`
    return run.retriedBy === null ? end : `${end} The run ${run.retriedBy} tries it again from its start.`
  }
  if (run.status === 'canceling') return 'It is being canceled: it ends once its workers have let go.'
  const open = run.steps.filter((step) => !over.has(step.status))
  const working = open.filter((step) => step.waitsFor === null)
  if (working.length > 0) return `It goes on: ${working.map((step) => `${step.asset} (${step.status})`).join(', ')}.`
  // What waits for other steps of the run is explained by those.
  const first = open.find((step) => step.waitsFor?.reason !== 'upstream') ?? open[0]
  return first?.waitsFor === null || first === undefined ? 'It is about to end.' : `${first.asset}: ${first.waitsFor.message}`
}

function aboutStep(step: Step): string {
  if (step.waitsFor !== null) return step.waitsFor.message
  if (step.status === 'failed') return `It failed: ${step.error?.message ?? 'nobody knows why'}`
  if (step.status === 'canceled') return 'It was canceled.'
  if (step.status === 'skipped')
    return `It was skipped${step.skippedBecause === null ? ': what it needs failed or was left out. The log of its run says which' : `, ${step.skippedBecause}`}.`
  if (step.status === 'superseded') return 'A newer run had published it already.'
  if (step.status === 'succeeded') return `It succeeded${step.endedAt === null ? '' : ` at ${moment(step.endedAt)}`}.`
  return `It is being worked on (${step.status})${step.startedAt === null ? '' : `, since ${moment(step.startedAt)}`}.`
}
