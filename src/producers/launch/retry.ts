import { retryRun } from '../../catalog/retry-run.ts'
import { MillraceError } from '../../errors.ts'
import type { LaunchDeps } from './launch.ts'
import { startWaiting } from './start-waiting.ts'

/**
 * Tries a failed run again from where it failed: steps that have succeeded are kept. It goes by the queue, as a launch would.
 * @throws MillraceError `RUN_NOT_FAILED`
 */
export async function retry(deps: LaunchDeps, runId: string): Promise<void> {
  if (!(await retryRun(deps.pool, runId))) {
    throw new MillraceError(`The run ${runId} has not failed, so there is nothing to be tried again.`, {
      code: 'RUN_NOT_FAILED',
      hint: `Once it has ended, all of its steps are launched anew by: millrace runs retry ${runId.slice(0, 8)} --all`,
    })
  }
  await startWaiting(deps)
}
