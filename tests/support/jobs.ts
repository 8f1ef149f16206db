import { defineLocation } from '../../src/definitions/location.ts'
import type { Job } from '../../src/definitions/ops/job.ts'
import type { Engine, RunView } from './engine.ts'

/** Runs jobs on an engine, each in a location of its own whose name begins with `prefix`. */
export function jobsOn(engine: () => Engine, prefix: string) {
  let places = 0
  const start = async (...jobs: readonly Job[]): Promise<string> => {
    places += 1
    const name = `${prefix}_${String(places)}`
    await engine().work(defineLocation({ name, jobs }))
    return name
  }
  return {
    start,
    async run(declared: Job, config = {}): Promise<RunView> {
      const location = await start(declared)
      return engine().run([], { job: declared.name, location, config })
    },
    statuses: ({ steps }: RunView): Record<string, string> => Object.fromEntries(steps.map(({ asset, status }) => [asset, status])),
    /** What a step handed on. */
    output: ({ id }: RunView, step: string, name = 'result'): Promise<unknown> =>
      engine().value(`SELECT value FROM millrace.step_value v JOIN millrace.step s ON s.id = v.step_id WHERE run_id = $1 AND asset = $2 AND output = $3`, [
        id,
        step,
        name,
      ]),
  }
}
