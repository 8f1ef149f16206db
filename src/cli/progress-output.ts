import { moment } from '../definitions/moment.ts'
import { shortened } from './table-output.ts'
import type { RunProgress, StepProgress } from './follow-run.ts'

/** Shows a run as it goes: lines that are redrawn on a terminal, a plain line per change elsewhere. */
export interface ProgressOutput {
  show(progress: RunProgress): void
  /** Leaves the last state standing. */
  end(): void
}

const whole = new Intl.NumberFormat('en-US')

function describeStep(step: StepProgress): string {
  const result = step.result?.['rows']
  const counted = typeof result === 'number' ? result : step.rows
  const rate = step.seconds > 0 && counted > 0 ? `, ${whole.format(Math.round(counted / step.seconds))} rows/s` : ''
  const stages = step.recorded === 0 ? '' : `  batches ${String(step.recorded)} → ${String(step.encoded)} → ${String(step.loaded)}`
  const attempt = step.attempt > 1 ? `  attempt ${String(step.attempt)}` : ''
  const wait = step.status === 'retrying' && step.resumesAt !== null ? `  again at ${moment(step.resumesAt)}` : ''
  const error = step.error !== null && step.status === 'retrying' ? `  after: ${step.error.message}` : ''
  const spool = step.spoolWait === null ? '' : `  ${step.spoolWait}`
  // A function's value has no rows, not even none.
  const rows = counted > 0 || (step.status === 'succeeded' && result !== undefined) ? `  ${whole.format(counted)} rows${rate}` : ''
  return `${step.asset}  ${step.status}${rows}${stages}${attempt}${wait}${error}${spool}`
}

export function createProgressOutput(stream: NodeJS.WriteStream, terminal: boolean): ProgressOutput {
  return terminal ? onTerminal(stream) : asLines(stream)
}

function onTerminal(stream: NodeJS.WriteStream): ProgressOutput {
  let drawn = 0
  return {
    show(progress) {
      const width = Math.max(20, stream.columns) - 1
      const lines = [`Run ${progress.runId}  ${progress.status}  ${progress.seconds.toFixed(1)} s`, ...progress.steps.map((step) => `  ${describeStep(step)}`)]
      // Up to where the last drawing began, and clear from there on.
      stream.write(`${drawn > 0 ? `\u001B[${String(drawn)}A` : ''}\u001B[J${lines.map((line) => `${shortened(line, width, true)}\n`).join('')}`)
      drawn = lines.length
    },
    end: () => undefined,
  }
}

/** At most this often a line about the same step, in ms, unless its status changed. */
const everyMs = 2000

function asLines(stream: NodeJS.WriteStream): ProgressOutput {
  const last = new Map<string, { status: string; waits: boolean; at: number }>()
  return {
    show(progress) {
      const now = performance.now()
      for (const step of progress.steps) {
        const before = last.get(step.asset)
        if (step.status === 'waiting' && before === undefined) continue
        const waits = step.spoolWait !== null
        const moved = before?.status !== step.status || before.waits !== waits
        if (!moved && (now - before.at < everyMs || step.recorded === 0)) continue
        last.set(step.asset, { status: step.status, waits, at: now })
        stream.write(`${describeStep(step)}\n`)
      }
    },
    end: () => undefined,
  }
}
