import * as z from 'zod'
import { readChecksOfRun } from '../catalog/read/assets.ts'
import { readRun } from '../catalog/read/runs.ts'
import { readStepCounts, readSteps, readStepStatuses } from '../catalog/read/steps.ts'
import type { StepCountRead, StepFilter } from '../catalog/read/steps.ts'
import { readQueue, readSurroundings } from '../catalog/read/waits.ts'
import { endedStatuses, stepStatuses } from '../catalog/step-states.ts'
import type { StepStatus } from '../catalog/step-states.ts'
import { presentCheck } from './check-result.ts'
import type { Parts } from './parts.ts'
import { presentRun, presentStep } from './run-view.ts'
import type { RunDetail, Step } from './run-view.ts'
import { runWaitOf } from './run-waits.ts'
import { waitOf } from './waits.ts'

/** Above this a run's steps are counted, and shown by the page. */
const mostSteps = 200
/** Steps of a page of them. */
const pageSize = 100
/** Of steps that failed, those that are shown without being asked for. */
const mostFailed = 20

/** Which steps somebody wants to see, as the address says. */
export const StepChoice = z.object({
  status: z.enum(stepStatuses).optional(),
  /** The step of the graph whose branches are meant; empty: the steps of no branch. */
  of: z.string().optional(),
  from: z.coerce.number<string>().int().min(0).max(1_000_000).default(0),
})
export type StepChoice = z.output<typeof StepChoice>

export const isChosen = ({ of, status }: StepChoice): boolean => of !== undefined || status !== undefined

/** Where nothing is asked for, the branches are told of in numbers alone. */
function chosenBy(choice: StepChoice, groups: number): StepFilter {
  const { of = isChosen(choice) || groups < 2 ? undefined : '', status } = choice
  return { template: of === '' ? null : of, statuses: status === undefined ? undefined : [status] }
}

/** How many steps there are of each status that there are any of. */
export type StepCounts = ReadonlyMap<StepStatus, number>

/** The branches of one step of a graph, or what is of no branch. */
export interface StepGroup {
  /** Null: the steps of no branch. */
  readonly template: string | null
  readonly counts: StepCounts
  readonly startedAt: string | null
  /** Null while any of them goes on. */
  readonly endedAt: string | null
}

/** A run as a person looks at it: of many steps those that were chosen, and all of them in numbers. */
export interface RunPageView extends Omit<RunDetail, 'steps'> {
  readonly counts: StepCounts
  /** Empty where all steps are shown. */
  readonly groups: readonly StepGroup[]
  readonly choice: StepChoice
  readonly steps: readonly Step[]
  /** Where the next ones begin. */
  readonly next: number | undefined
  /** Of many steps: the first that failed, unless some were chosen. */
  readonly failed: readonly Step[]
}

/** A run with as many of its steps as a page holds, or undefined. */
export async function runPageView({ pool }: Pick<Parts, 'pool'>, id: string, choice: StepChoice): Promise<RunPageView | undefined> {
  const [run, counted, checks, surroundings] = await Promise.all([
    readRun(pool, id),
    readStepCounts(pool, id),
    readChecksOfRun(pool, id),
    readSurroundings(pool, id),
  ])
  if (run === undefined) return undefined
  const queue = run.status === 'queued' ? await readQueue(pool, id) : undefined
  const waitsFor = queue === undefined ? null : runWaitOf(run, queue, surroundings)
  const some = async (filter: StepFilter): Promise<Step[]> => {
    const rows = await readSteps(pool, id, filter)
    const statuses = await readStepStatuses(pool, id, [...new Set(rows.flatMap((row) => (row.status === 'waiting' ? row.upstream : [])))])
    return rows.map((row) => presentStep(row, waitsFor ?? waitOf(row, { statuses, ...surroundings })))
  }
  const groups = groupsOf(counted)
  const few = run.steps <= mostSteps
  const [steps, failed] = few
    ? [await some({}), []]
    : await Promise.all([
        some({ ...chosenBy(choice, groups.length), limit: pageSize + 1, offset: choice.from }),
        isChosen(choice) ? [] : some({ statuses: ['failed'], limit: mostFailed }),
      ])
  const more = !few && steps.length > pageSize
  return {
    ...presentRun(run),
    waitsFor,
    checks: checks.map(presentCheck),
    counts: sum(counted),
    groups: few ? [] : groups,
    choice,
    steps: more ? steps.slice(0, pageSize) : steps,
    next: more ? choice.from + pageSize : undefined,
    failed,
  }
}

function sum(counted: readonly StepCountRead[]): StepCounts {
  const counts = new Map<StepStatus, number>()
  for (const { status, steps } of counted) counts.set(status, (counts.get(status) ?? 0) + steps)
  return counts
}

const over: ReadonlySet<StepStatus> = new Set(endedStatuses)

function groupsOf(counted: readonly StepCountRead[]): StepGroup[] {
  return [...Map.groupBy(counted, ({ template }) => template)].map(([template, own]) => {
    const began = own.flatMap(({ startedAt }) => startedAt ?? []).toSorted()
    const ended = own.flatMap(({ endedAt }) => endedAt ?? []).toSorted()
    return { template, counts: sum(own), startedAt: began[0] ?? null, endedAt: own.every(({ status }) => over.has(status)) ? (ended.at(-1) ?? null) : null }
  })
}
