import { existsSync, writeFileSync } from 'node:fs'

/**
 * The named points at which the chaos suite stops or kills a process. Without MILLRACE_FAULT (`point=kill` or `point=stop`,
 * several joined by commas) each is a comparison with an empty map. MILLRACE_FAULT_MARK names a file prefix: a fault whose
 * mark exists has struck already, so that a restarted process gets past it.
 */
const faults = new Map<string, string>(
  (process.env['MILLRACE_FAULT'] ?? '')
    .split(',')
    .filter((one) => one.includes('='))
    .map((one) => {
      const [point = '', action = ''] = one.split('=')
      return [point, action]
    }),
)

export type FaultPoint =
  | 'prepare.claimed'
  | 'extract.claimed'
  | 'extract.spooled'
  | 'extract.recorded'
  | 'extract.sealed'
  | 'transform.claimed'
  | 'transform.middle'
  | 'transform.spooled'
  | 'transform.encoded'
  | 'load.claimed'
  | 'load.copying'
  | 'load.committed'
  | 'load.acknowledged'
  | 'publish.claimed'
  | 'publish.applied'
  | 'publish.committed'
  | 'compute.claimed'
  | 'compute.committed'
  | 'execute.claimed'
  | 'execute.computed'
  | 'execute.halfway'
  | 'execute.stored'
  | 'execute.committed'
  | 'sense.claimed'
  | 'sense.committed'
  | 'outbox.claimed'
  | 'outbox.sent'
  | 'op.computed'
  | 'op.stored'
  | 'branch.computed'
  | 'branch.stored'
  | 'launch.middle'
  | 'launch.committed'
  | 'backfill.launched'
  | 'backfill.committed'
  | 'automation.written'
  | 'automation.committed'

/** Kills or freezes this process when the chaos suite asked for it here. */
export function faultPoint(point: FaultPoint): void {
  if (faults.size === 0) return
  const action = faults.get(point)
  if (action === undefined) return
  const mark = `${process.env['MILLRACE_FAULT_MARK'] ?? ''}${point}`
  if (existsSync(mark)) return
  writeFileSync(mark, String(process.pid))
  process.kill(process.pid, action === 'stop' ? 'SIGSTOP' : 'SIGKILL')
}
