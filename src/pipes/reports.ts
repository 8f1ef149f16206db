import type { Json, JsonObject } from '../definitions/json.ts'
import type { MetadataFields } from '../definitions/metadata/fields.ts'
import { DataError } from '../errors.ts'
import type { Redactor } from './environment.ts'
import { isNewer, parseMessage, protocolVersion } from './messages.ts'
import type { PipesException, PipesMessage } from './messages.ts'
import { plainMetadata, typedMetadata } from './metadata.ts'
import type { Level, ScriptLog } from './script-log.ts'

export interface ReportedMaterialization {
  /** Plain JSON, and values of `metadata.…` where the script named a type. */
  readonly metadata: MetadataFields
  readonly dataVersion: string | undefined
}

/** May be handed on as it is: `output(value, { checks })`. */
export interface ReportedCheck {
  readonly assetKey: string
  readonly name: string
  readonly passed: boolean
  readonly severity: 'warn' | 'error'
  readonly metadata: MetadataFields
}

/** The most that a script's reports may take, in bytes: they stay in memory until it ends. */
const mostReported = 64 * 1024 * 1024

const reporting: ReadonlySet<string> = new Set(['report_asset_materialization', 'report_asset_check', 'report_custom_message'])

/** What a script has reported so far. */
export interface Reports {
  /**
   * Takes a line of the message channel; one that is no message is skipped, with a complaint.
   * @throws DataError `PROCESS_REPORTS_TOO_LARGE` when all reports together are larger than 64 MiB
   */
  readonly take: (line: Buffer, cut: number) => void
  readonly materializations: ReadonlyMap<string, ReportedMaterialization>
  readonly checks: readonly ReportedCheck[]
  readonly customMessages: readonly Json[]
  readonly opened: () => boolean
  readonly closed: () => boolean
  readonly exception: () => PipesException | undefined
}

export function createReports(log: ScriptLog, redactor: Redactor): Reports {
  const materializations = new Map<string, ReportedMaterialization>()
  const checks: ReportedCheck[] = []
  const customMessages: Json[] = []
  let [opened, closed, warned] = [false, false, false]
  let exception: PipesException | undefined
  let reportedBytes = 0

  const metadataOf = (given: Parameters<typeof plainMetadata>[0]): { readonly plain: JsonObject; readonly metadata: MetadataFields } => {
    const plain = redactor.json(plainMetadata(given))
    return { plain, metadata: typedMetadata(given, plain) }
  }
  const receive = ({ method, params }: PipesMessage): void => {
    switch (method) {
      case 'opened':
        opened = true
        return
      case 'closed':
        closed = true
        exception = params?.exception ?? undefined
        return
      case 'log':
        return log.say(levelOf(params.level), params.message)
      case 'log_external_stream':
        return log.stream(params.stream).push(Buffer.from(params.text))
      case 'report_custom_message':
        customMessages.push(params.payload ?? null)
        return
      case 'report_asset_check': {
        const { plain, metadata } = metadataOf(params.metadata)
        const check = {
          assetKey: params.asset_key,
          name: params.check_name,
          passed: params.passed,
          severity: params.severity === 'WARN' ? ('warn' as const) : ('error' as const),
          metadata,
        }
        checks.push(check)
        return log.note(check.passed ? 'info' : check.severity, `The script says that the check ${check.name} ${check.passed ? 'passed' : 'failed'}`, {
          assetKey: check.assetKey,
          ...plain,
        })
      }
      case 'report_asset_materialization': {
        const before = materializations.get(params.asset_key)
        const { plain, metadata } = metadataOf(params.metadata)
        materializations.set(params.asset_key, {
          metadata: { ...before?.metadata, ...metadata },
          dataVersion: params.data_version ?? before?.dataVersion,
        })
        return log.note('info', `The script says that it materialized ${params.asset_key}`, plain)
      }
    }
  }
  return {
    take(line, cut) {
      if (cut > 0) return log.complain(`A message of ${String(line.length + cut)} bytes is too long; it was skipped`)
      const text = line.toString('utf8').trim()
      if (text === '') return undefined
      const parsed = parseMessage(text)
      if (parsed.kind === 'nonsense') return log.complain(`A line of the script's messages was skipped: ${parsed.reason}`, { line: text.slice(0, 500) })
      if (!warned && isNewer(parsed.version)) {
        warned = true
        log.note('warn', `The script speaks version ${parsed.version} of the protocol, Millrace ${protocolVersion}: what is new in it is not understood`)
      }
      if (parsed.kind === 'unknown method') return log.say('debug', `The script sent a message of the unknown method ${parsed.method}; it was skipped`)
      if (reporting.has(parsed.message.method)) reportedBytes += line.length
      if (reportedBytes > mostReported) throw tooMuch()
      return receive(parsed.message)
    },
    materializations,
    checks,
    customMessages,
    opened: () => opened,
    closed: () => closed,
    exception: () => exception,
  }
}

/** Python's names of levels, and those of others. */
function levelOf(name: string): Level {
  const upper = name.toUpperCase()
  if (upper === 'DEBUG' || upper === 'TRACE' || upper === 'NOTSET') return 'debug'
  if (upper.startsWith('WARN')) return 'warn'
  return upper === 'ERROR' || upper === 'CRITICAL' || upper === 'FATAL' ? 'error' : 'info'
}

function tooMuch(): DataError {
  return new DataError('The script reported more than 64 MiB of custom messages, materializations and checks.', {
    code: 'PROCESS_REPORTS_TOO_LARGE',
    hint: 'Let the script write its data to a file or a table, and report where it is.',
  })
}
