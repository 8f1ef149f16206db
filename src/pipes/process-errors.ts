import { existsSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { ConfigError, MillraceError } from '../errors.ts'
import type { Redactor } from './environment.ts'
import type { PipesException } from './messages.ts'
import type { ProcessEnd } from './run-process.ts'

/** A command line as it is shown. */
export function shownCommand(command: string, args: readonly string[], redactor: Redactor): string {
  const line = redactor.text([command, ...args].join(' '))
  return line.length > 200 ? `${line.slice(0, 200)} …` : line
}

interface Place {
  readonly command: string
  readonly cwd: string | undefined
  readonly env: Readonly<Record<string, string>>
}

/** @throws ConfigError `PROCESS_CWD_MISSING`, because the system says the same of a missing folder as of a missing program */
export function checkFolder(command: string, cwd: string | undefined): void {
  if (cwd === undefined || statSync(cwd, { throwIfNoEntry: false })?.isDirectory() === true) return
  throw new ConfigError(`The folder ${resolve(cwd)}, in which ${command} was to run, is not there.`, {
    code: 'PROCESS_CWD_MISSING',
    hint: 'Give `cwd` as an absolute path: `import.meta.dirname` is the folder of the file that says it.',
  })
}

/** Why a program did not start, in words that help. */
export function startError(error: unknown, { command, cwd, env }: Place): Error {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const path = resolve(cwd ?? '.', command)
  if (code === 'ENOENT' && command.includes('/') && existsSync(path)) {
    return new ConfigError(`${path} cannot be run: the interpreter that its first line names is not there.`, {
      code: 'PROCESS_INTERPRETER_MISSING',
      cause: error,
      hint: 'Install the interpreter on the machines of this location’s workers, or name the one to use as `command`.',
    })
  }
  if (code === 'ENOENT') {
    const where = command.includes('/') ? `${path} is not there` : `no ${command} is in the folders of PATH (${env['PATH'] ?? 'which is not set'})`
    return new ConfigError(`The command ${command} was not found: ${where}.`, {
      code: 'PROCESS_NOT_FOUND',
      cause: error,
      hint: 'Install it on the machines of this location’s workers, give its whole path, or set PATH by `env`.',
    })
  }
  if (code === 'EACCES') {
    return new ConfigError(`${path} may not be run: it is not executable, or lies where it may not be read.`, {
      code: 'PROCESS_NOT_EXECUTABLE',
      cause: error,
      hint: 'Make it executable (chmod +x), or name its interpreter as `command` and the file in `args`.',
    })
  }
  if (code === 'E2BIG') {
    return new ConfigError(`${command} was not started: its arguments and environment are too long for the system.`, {
      code: 'PROCESS_ARGUMENTS_TOO_LONG',
      cause: error,
      hint: 'Hand large values as `extras`, which go by a file.',
    })
  }
  return error instanceof Error ? error : new Error(String(error))
}

interface Ending {
  /** The command line as it is shown. */
  readonly shown: string
  readonly end: ProcessEnd
  readonly exception: PipesException | undefined
  readonly stderr: readonly string[]
  readonly redactor: Redactor
}

/** What is wrong with how a script ended; undefined when it ended well. */
export function endError({ shown, end, exception, stderr, redactor }: Ending): MillraceError | undefined {
  if (end.code === 0) return undefined
  const cause = exception === undefined ? undefined : scriptError(exception, redactor)
  const killed = end.signal === 'SIGKILL' || end.code === 137
  const how = end.signal === null ? `ended with exit code ${String(end.code)}` : `was ended by the signal ${end.signal}`
  const why = cause === undefined ? '' : `: ${cause.message}`
  const words = stderr.length === 0 ? '' : `\nThe last lines of its stderr:\n${stderr.join('\n')}`
  return new MillraceError(`${shown} ${how}${why}${words}`, {
    code: end.signal === null ? 'PROCESS_EXIT' : 'PROCESS_KILLED',
    retryable: true,
    ...(killed
      ? {
          hint: 'SIGKILL that nobody sent is most often the system short of memory: see the kernel’s log or the container’s limit, and let the script take less at once.',
        }
      : {}),
    cause,
  })
}

/** An exception of a script as an error, with its own stack and what caused it. */
function scriptError({ message, stack, name, cause, context }: PipesException, redactor: Redactor, depth = 0): Error {
  const behind = cause ?? context ?? undefined
  const text = redactor.text(message.trim())
  const error = new Error(text, behind === undefined || depth >= 5 ? undefined : { cause: scriptError(behind, redactor, depth + 1) })
  error.name = name ?? 'Error'
  // A deep recursion's stack is as long as the recursion.
  error.stack = redactor.text(`${text}\n${stack.join('')}`).slice(0, 16_000)
  return error
}
