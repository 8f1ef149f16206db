import { stripVTControlCharacters } from 'node:util'
import type { JsonObject } from '../definitions/json.ts'
import { storableText } from '../errors.ts'
import { createBoundedLog } from './bounded-log.ts'
import type { BoundedLog } from './bounded-log.ts'
import type { Redactor } from './environment.ts'
import { createLastEntries } from './last-entries.ts'
import type { LastEntries } from './last-entries.ts'
import { createLineCutter } from './line-cutter.ts'
import type { LineCutter } from './line-cutter.ts'
import type { RunLog } from './process-options.ts'

export type Level = 'debug' | 'info' | 'warn' | 'error'

/** The longest line that is logged, in characters; the event log keeps 10,000. */
const longestLine = 8000
/** What is held of a line: more than is shown, so that no secret is cut before it is known as one. */
export const heldBytes = 64 * 1024
/** How many last lines of a stream are logged at the end when it said too much. */
const tail = 100
/** How many last lines of stderr an error shows, and how many characters of each. */
const shownLines = 20
const shownLineLength = 500
/** A script may name streams of its own; their number is bounded too. */
const mostStreams = 16

/** The log of one script's run: everything of it passes here, redacted and bounded. */
export interface ScriptLog {
  /** Our own words about the script, which are few. */
  readonly note: (level: Level, message: string, fields?: JsonObject) => void
  /** A line of the script's log, with the level it gave. */
  readonly say: (level: Level, message: string) => void
  /** What is wrong with what the script sent. */
  readonly complain: (message: string, fields?: JsonObject) => void
  /** A cutter for one of its streams. */
  readonly stream: (name: string) => LineCutter
  /** One line of its stdout or stderr. `cut` bytes of it are left out. */
  readonly line: (stream: string, bytes: Buffer, cut?: number) => void
  /** The last lines of stderr, oldest first. */
  readonly lastOfStderr: () => string[]
  /** Writes what was held back. */
  readonly end: () => void
}

/** A line as it came. It is made readable when it is written: most lines of a script that says too much never are. */
interface RawLine {
  readonly level: Level
  readonly bytes: Buffer
  readonly cut: number
  readonly fields: JsonObject
}

/** Logs what a script says; of each of its streams the first `head` lines as they come, and the last ones at the end. */
export function createScriptLog(runLog: RunLog, redactor: Redactor, head: number): ScriptLog {
  const write = leveled(runLog)
  const kept = new Map<string, BoundedLog<RawLine>>()
  const cutters = new Map<string, LineCutter>()
  const lastOfStderr: LastEntries<RawLine> = createLastEntries(shownLines)

  const boundedOf = (name: string): BoundedLog<RawLine> => {
    const known = kept.get(name)
    if (known !== undefined) return known
    const bounded = createBoundedLog<RawLine>({
      head,
      tail,
      write: (line) => {
        const message = readable(line, redactor)
        if (message !== '') write(line.level, message, line.fields)
      },
      onFull: () => write('info', `The script wrote ${String(head)} lines of ${name}; of the rest, the last ${String(tail)} follow when it ends`, {}),
      onGap: (left) => write('info', `${String(left)} lines of ${name} are left out here`, {}),
    })
    kept.set(name, bounded)
    return bounded
  }
  const line = (stream: string, bytes: Buffer, cut = 0): void => {
    const raw: RawLine = { level: 'info', bytes, cut, fields: { stream } }
    if (stream === 'stderr') lastOfStderr.add(raw)
    boundedOf(stream).add(raw)
  }
  return {
    line,
    note: (level, message, fields = {}) => write(level, redactor.text(message), redactor.json(fields)),
    say: (level, text) => boundedOf(level === 'warn' || level === 'error' ? 'warnings and errors' : 'its log').add(rawLine(level, text)),
    complain: (text, fields = {}) => boundedOf('complaints about its messages').add({ ...rawLine('warn', text), fields: redactor.json(fields) }),
    stream(name) {
      const stream = cutters.has(name) || cutters.size < mostStreams ? name : 'others'
      const known = cutters.get(stream)
      if (known !== undefined) return known
      const cutter = createLineCutter({ maxBytes: heldBytes, overwrites: true, onLine: (bytes, cut) => line(stream, bytes, cut) })
      cutters.set(stream, cutter)
      return cutter
    },
    lastOfStderr: () =>
      lastOfStderr
        .entries()
        .map((raw) => readable(raw, redactor).slice(0, shownLineLength))
        .filter((text) => text !== ''),
    end() {
      for (const cutter of cutters.values()) cutter.end()
      for (const bounded of kept.values()) bounded.end()
    },
  }
}

/** Writes with a level where the log has levels, else with the level as a field. */
function leveled(log: RunLog): (level: Level, message: string, fields: JsonObject) => void {
  return (level, message, fields) => {
    const write = level === 'info' ? log : log[level]
    if (write === undefined) log(message, { ...fields, severity: level })
    else write(message, fields)
  }
}

/** As bytes, because a piece of a string keeps all of it. */
function rawLine(level: Level, text: string): RawLine {
  const bytes = Buffer.from(text.slice(0, heldBytes))
  return { level, bytes, cut: Math.max(0, text.length - heldBytes), fields: {} }
}

/** A line as it is shown: without colours, without secrets, and cut where it is too long. Empty where nothing is left of it. */
function readable({ bytes, cut }: RawLine, redactor: Redactor): string {
  const clean = redactor.text(storableText(stripVTControlCharacters(bytes.toString('utf8')))).trimEnd()
  const left = Math.max(0, clean.length - longestLine) + cut
  return left === 0 ? clean : `${clean.slice(0, longestLine)} … (${String(left)} more)`
}
