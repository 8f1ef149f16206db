import type { Job } from 'bullmq'
import { reviveStep } from '../catalog/resume.ts'
import { FencedError, MillraceError } from '../errors.ts'
import { enqueueSteps } from '../producers/launch/enqueue-step.ts'
import { startWaiting } from '../producers/launch/start-waiting.ts'
import { jobs } from '../queues/jobs.ts'
import type { JobName, Payload } from '../queues/jobs.ts'
import { clean } from './clean.ts'
import { compute } from './compute.ts'
import type { WorkerContext } from './context.ts'
import { execute } from './execute.ts'
import { extract } from './extract.ts'
import { isConnectionLoss } from './failure.ts'
import { load } from './load.ts'
import { prepare } from './prepare.ts'
import { publish } from './publish.ts'
import { resume } from './resume.ts'
import { sense } from './sense.ts'
import { tick } from './tick.ts'
import { transform } from './transform.ts'

type Handler<N extends JobName> = (context: WorkerContext, payload: Payload<N>, job: Job, location: string) => Promise<void>

/** What happens to each job. */
const handlers: { readonly [N in JobName]: Handler<N> } = { tick, prepare, extract, transform, load, publish, compute, execute, resume, clean, sense }

function isJobName(name: string): name is JobName {
  return Object.hasOwn(jobs, name)
}

/** Runs a job of a location's queue: its payload is parsed here again, whoever put it there. */
export async function handleJob(context: WorkerContext, location: string, job: Job): Promise<void> {
  if (!isJobName(job.name))
    throw new MillraceError(`There is no job called ${job.name}.`, { code: 'JOB_UNKNOWN', hint: 'A newer version may have enqueued it; upgrade this worker.' })
  if (await reviveIfAsked(context, job.name, job)) return
  await run(context, location, job.name, job)
}

async function run(context: WorkerContext, location: string, name: JobName, job: Job): Promise<void> {
  const payload = jobs[name].payload.parse(job.data)
  const handler = handlers[name] as Handler<JobName>
  try {
    await handler(context, payload, job, location)
  } catch (error) {
    // Before or after a claim a lost database or lease is nobody's failure: the row says that work is due, and the sweep asks for it again.
    if (error instanceof FencedError || isConnectionLoss(error)) {
      context.logger.info({ err: error, location, job: name }, 'a delivery came to nothing; the sweep will repeat it')
      return
    }
    throw error
  }
}

/**
 * A job that failed before and is delivered again was asked for by a person, in Bull Board: the step gets another attempt.
 * A delivery repeated because its worker died counts no attempt in the queue, so it is never taken for one.
 */
async function reviveIfAsked(context: WorkerContext, name: JobName, job: Job): Promise<boolean> {
  if (job.attemptsMade === 0 || name === 'tick' || name === 'sense' || name === 'clean' || name === 'resume') return false
  const stepId = await stepOf(context, name, job)
  const revived = stepId === undefined ? undefined : await reviveStep(context.pool, stepId)
  if (revived === undefined) return false
  context.logger.info({ step: stepId }, 'a person asked for another attempt')
  await enqueueSteps(context.queues, revived.due)
  if (revived.waits) await startWaiting(context)
  return true
}

async function stepOf(context: WorkerContext, name: Exclude<JobName, 'tick' | 'sense' | 'clean' | 'resume'>, job: Job): Promise<string | undefined> {
  const payload = jobs[name].payload.parse(job.data)
  if ('stepId' in payload) return payload.stepId
  const { rows } = await context.pool.query<{ step_id: string }>(`SELECT step_id FROM millrace.batch WHERE id = $1`, [payload.batchId])
  return rows[0]?.step_id
}
