import { readFileSync } from 'node:fs'
import type { JsonObject } from '../../src/definitions/json.ts'
import type { ExternalProcessOptions, ProcessContext } from '../../src/pipes/index.ts'

export interface LoggedLine {
  readonly level: string
  readonly message: string
  readonly fields: JsonObject
}

/** A context as functions are handed it, with a log that can be read. */
export function createContext(more: Partial<ProcessContext> = {}): { readonly context: ProcessContext; readonly lines: LoggedLine[]; messages(): string[] } {
  const lines: LoggedLine[] = []
  const at =
    (level: string) =>
    (message: string, fields: JsonObject = {}): void =>
      void lines.push({ level, message, fields })
  const log = Object.assign(at('info'), { debug: at('debug'), warn: at('warn'), error: at('error') })
  const context = { signal: new AbortController().signal, runId: 'the-run', attempt: 1, assetKey: 'reports/model', log, ...more }
  return { context, lines, messages: () => lines.map(({ message }) => message) }
}

/** The protocol by hand, for a script of Node's. */
const prelude = `
const { inflateSync } = require('node:zlib')
const { appendFileSync, readFileSync, writeSync } = require('node:fs')
const decode = (name) => JSON.parse(inflateSync(Buffer.from(process.env[name], 'base64')))
const bootstrap = decode('DAGSTER_PIPES_CONTEXT')
const channel = decode('DAGSTER_PIPES_MESSAGES')
const context = bootstrap.data ?? JSON.parse(readFileSync(bootstrap.path))
const sendLine = (line) => channel.path ? appendFileSync(channel.path, line) : writeSync(channel.stdio === 'stdout' ? 1 : 2, line)
const send = (method, params, version = '0.1') => sendLine(JSON.stringify({ __dagster_pipes_version: version, method, params }) + '\\n')
`

/** Runs a few lines of JavaScript that have `context`, `channel`, `send(method, params)` and `sendLine(text)`. */
export function node(code: string): Pick<ExternalProcessOptions, 'command' | 'args'> {
  return { command: process.execPath, args: ['-e', prelude + code] }
}

/** Runs a shell script. */
export function shell(code: string): Pick<ExternalProcessOptions, 'command' | 'args'> {
  return { command: 'sh', args: ['-c', code] }
}

/** Whether a process is there and no zombie, which in a container nobody may fetch. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${String(pid)}/stat`, 'utf8'))
  } catch {
    return process.platform !== 'linux'
  }
}
