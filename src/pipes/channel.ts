import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DataError } from '../errors.ts'
import { contextData, encodeParameters } from './context-data.ts'
import { followFile } from './follow-file.ts'
import { createLineCutter } from './line-cutter.ts'
import type { LineCutter } from './line-cutter.ts'
import { versionField } from './messages.ts'
import type { ExternalProcessOptions, ProcessContext } from './process-options.ts'
import { heldBytes } from './script-log.ts'
import type { ScriptLog } from './script-log.ts'

/** The longest message, in bytes. */
const longestMessage = 16 * 1024 * 1024
/** Linux starts no program with a variable longer than 128 KiB. */
const longestVariable = 128 * 1024 - 64

export interface Channel {
  /** The variables from which a script learns its context and where to send messages. */
  readonly env: Readonly<Record<string, string>>
  /** Cutters for its stdout and stderr. */
  readonly stdout: LineCutter
  readonly stderr: LineCutter
  /** To be called when the script is over: reads what has not been read. */
  readonly end: () => Promise<void>
}

interface ChannelOptions extends Pick<ExternalProcessOptions, 'assetKeys' | 'extras' | 'transport'> {
  /** A private folder. */
  readonly folder: string
  readonly context: ProcessContext
  readonly log: ScriptLog
  readonly onMessage: (line: Buffer, cut: number) => void
}

/**
 * Opens the way on which a script gets its context and sends messages.
 * @throws DataError `PROCESS_CONTEXT_TOO_LARGE` where the context goes into the environment and has no place there
 */
export function openChannel(options: ChannelOptions): Promise<Channel> {
  return options.transport === undefined || options.transport === 'files' ? openFiles(options) : openStream(options, options.transport)
}

async function openFiles({ folder, context, log, onMessage, ...given }: ChannelOptions): Promise<Channel> {
  const [contextFile, messagesFile] = [join(folder, 'context.json'), join(folder, 'messages.jsonl')]
  const onlyOurs = { flag: 'wx', mode: 0o600 }
  await writeFile(contextFile, JSON.stringify(contextData(context, given)), onlyOurs)
  await writeFile(messagesFile, '', onlyOurs)
  const messages = createLineCutter({ maxBytes: longestMessage, onLine: onMessage })
  const followed = await followFile(messagesFile, messages.push)
  return {
    env: variables({ path: contextFile }, { path: messagesFile }),
    stdout: log.stream('stdout'),
    stderr: log.stream('stderr'),
    async end() {
      await followed.end()
      messages.end()
    },
  }
}

async function openStream({ context, log, onMessage, ...given }: ChannelOptions, stream: 'stdout' | 'stderr'): Promise<Channel> {
  const env = variables({ data: contextData(context, given) }, { stdio: stream })
  if (env.DAGSTER_PIPES_CONTEXT.length > longestVariable) {
    throw new DataError(`The context of the script is too large for the environment: ${String(env.DAGSTER_PIPES_CONTEXT.length)} bytes as they are encoded.`, {
      code: 'PROCESS_CONTEXT_TOO_LARGE',
      hint: 'Hand fewer extras, or use the transport `files`, where the script sees the worker’s files.',
    })
  }
  const messages = createLineCutter({
    maxBytes: longestMessage,
    onLine: (line, cut) => {
      // What the script wrote last without a line end stands before the message.
      const start = line.indexOf(`{"${versionField}"`)
      if (start !== -1) onMessage(line.subarray(start), cut)
      const output = start === -1 ? line : line.subarray(0, start)
      const lastState = output.subarray(output.subarray(0, -1).lastIndexOf('\r') + 1)
      // A copy of what is shown, for a part would keep all of a line of 16 MiB.
      const kept = Buffer.from(lastState.subarray(0, heldBytes))
      if (kept.length > 0) log.line(stream, kept, lastState.length - kept.length + (start === -1 ? cut : 0))
    },
  })
  const other = log.stream(stream === 'stdout' ? 'stderr' : 'stdout')
  return {
    env,
    stdout: stream === 'stdout' ? messages : other,
    stderr: stream === 'stderr' ? messages : other,
    end: async () => messages.end(),
  }
}

function variables(context: object, messages: object): { readonly DAGSTER_PIPES_CONTEXT: string; readonly DAGSTER_PIPES_MESSAGES: string } {
  return { DAGSTER_PIPES_CONTEXT: encodeParameters(context), DAGSTER_PIPES_MESSAGES: encodeParameters(messages) }
}
