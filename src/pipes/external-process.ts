import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openChannel } from './channel.ts'
import { createRedactor, scriptEnvironment } from './environment.ts'
import { checkFolder, endError, shownCommand, startError } from './process-errors.ts'
import type { ExternalProcessOptions, ProcessContext, ProcessReport } from './process-options.ts'
import { createReports } from './reports.ts'
import type { Reports } from './reports.ts'
import { runProcess } from './run-process.ts'
import type { ProcessEnd } from './run-process.ts'
import { createScriptLog } from './script-log.ts'

/**
 * Runs a program of any language and answers what it reported by the Dagster Pipes protocol. What it logs and writes goes to the run's log.
 * When `context.signal` is aborted its process group is ended, and what the signal was aborted with is thrown.
 * @throws MillraceError `PROCESS_EXIT` for an exit code other than 0, `PROCESS_KILLED` for a signal; both may pass by themselves
 * @throws ConfigError `PROCESS_NOT_FOUND`, `PROCESS_NOT_EXECUTABLE`, `PROCESS_INTERPRETER_MISSING`, `PROCESS_CWD_MISSING` or `PROCESS_ARGUMENTS_TOO_LONG` where it could not be started
 * @throws DataError `PROCESS_REPORTS_TOO_LARGE`, `PROCESS_CONTEXT_TOO_LARGE`
 */
export async function externalProcess(context: ProcessContext, options: ExternalProcessOptions): Promise<ProcessReport> {
  const { command, args = [], cwd, graceMs = 5000, maxLogLines = 1000 } = options
  context.signal.throwIfAborted()
  checkFolder(command, cwd)
  const began = performance.now()
  const named = scriptEnvironment(options)
  const redactor = createRedactor(named)
  const log = createScriptLog(context.log, redactor, maxLogLines)
  const reports = createReports(log, redactor)
  const trouble = new AbortController()
  const shown = shownCommand(command, args, redactor)
  const folder = await mkdtemp(join(tmpdir(), 'millrace-process-'))
  try {
    const onMessage = (line: Buffer, cut: number): void => {
      try {
        if (!trouble.signal.aborted) reports.take(line, cut)
      } catch (error) {
        trouble.abort(error)
      }
    }
    const channel = await openChannel({ ...options, folder, context, log, onMessage })
    const env = { ...named, ...channel.env }
    let end: ProcessEnd
    try {
      end = await runProcess({
        command,
        args,
        cwd,
        env,
        signal: AbortSignal.any([context.signal, trouble.signal]),
        graceMs,
        folder,
        onStdout: channel.stdout.push,
        onStderr: channel.stderr.push,
        onUnguarded: (error) =>
          log.note('warn', 'If this worker is killed, the script goes on: no /bin/sh could be started to end it then', { reason: error.message }),
      })
    } catch (error) {
      throw startError(error, { command, cwd, env })
    } finally {
      await channel.end()
      log.end()
    }
    context.signal.throwIfAborted()
    trouble.signal.throwIfAborted()
    const error = endError({ shown, end, exception: reports.exception(), stderr: log.lastOfStderr(), redactor })
    if (error !== undefined) throw error
    noteSilence(reports, shown, log.note)
    return reportOf(reports, context.assetKey, began)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** What is odd about a script that ended well. */
function noteSilence(reports: Reports, shown: string, note: ReturnType<typeof createScriptLog>['note']): void {
  const exception = reports.exception()
  if (exception !== undefined)
    note('error', `${shown} ended with exit code 0, but reported an exception: ${exception.message.trim()}`, { stack: [...exception.stack] })
  else if (!reports.opened()) note('debug', `${shown} ended with exit code 0 and reported nothing: it never opened Dagster Pipes`)
  else if (!reports.closed()) note('warn', `${shown} ended with exit code 0, but never closed Dagster Pipes: messages may be missing`)
}

function reportOf({ materializations, checks, customMessages, opened }: Reports, assetKey: string | undefined, began: number): ProcessReport {
  const own = assetKey === undefined ? undefined : materializations.get(assetKey)
  const only = materializations.size === 1 ? [...materializations.values()][0] : undefined
  return {
    materializations: Object.fromEntries(materializations),
    checks,
    customMessages,
    metadata: (own ?? only)?.metadata ?? {},
    opened: opened(),
    exitCode: 0,
    seconds: Math.round(performance.now() - began) / 1000,
  }
}
