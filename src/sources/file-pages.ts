import type { Json, JsonObject } from '../definitions/json.ts'
import type { PageFormat, RawPage } from '../definitions/page.ts'
import { SourceError } from '../errors.ts'
import { filesOf } from './byte-origin.ts'
import type { ByteOrigin, FileOrigin } from './byte-origin.ts'
import { defaultMaxRecordBytes } from './formats/record-too-large.ts'
import { changedFile } from './opened-file.ts'
import type { CutPage } from './record-holder.ts'
import { openText } from './text-stream.ts'
import type { TextOptions, TextPlace } from './text-stream.ts'

/** What every source of files takes. */
export type FileOptions = ByteOrigin &
  TextOptions & {
    /** `context.position`: where an earlier attempt stopped. The asset may then say `resumable: true`. */
    readonly position?: Json | undefined
    /** Handed to `transform` with every page; a function is given the file's name. */
    readonly extra?: Json | ((file: string) => Json)
    /** Bytes of a page, about. Default 1 MiB: enough to keep a transform worker busy, little enough to keep many in flight. */
    readonly pageBytes?: number
    /** Default 16 MiB. Of a larger one only the beginning is handed on, for quarantine. */
    readonly maxRecordBytes?: number
  }

/** Cuts one file's text into pages. */
export interface FileCutter {
  readonly push: (chunk: Uint8Array) => void
  readonly shift: () => CutPage | undefined
  /** The end of the text; `shift` gives what is left. @throws SourceError where it ends too early */
  readonly end: () => void
  readonly format: () => PageFormat
  /** What a cutter that goes on behind a page must know besides its offset. */
  readonly state: (page: CutPage) => JsonObject
}

export interface CutterStart {
  readonly name: string
  readonly pageBytes: number
  readonly maxRecordBytes: number
  /** The offset of the first byte. */
  readonly offset: number
  /** Set where an earlier attempt cut what comes before. */
  readonly state: JsonObject | undefined
}

/** The pages of files, each with the position behind it where the file's keeper tells its version. */
export async function* filePages(options: FileOptions, createCutter: (start: CutterStart) => FileCutter): AsyncGenerator<RawPage, void, undefined> {
  const { pageBytes = 1024 * 1024, maxRecordBytes = defaultMaxRecordBytes, extra, signal } = options
  signal?.throwIfAborted()
  const files = await filesOf(options, options)
  const start = placeOf(options.position)
  const first = start === undefined ? 0 : files.findIndex((file) => file.name === start.file)
  if (start !== undefined && first < 0) throw changedFile(start.file)
  for (const [index, file] of files.slice(first).entries()) {
    const place = index === 0 ? start : undefined
    const text = await openText(file, options, place)
    const cutter = createCutter({ name: file.name, pageBytes, maxRecordBytes, offset: text.offset, state: place?.state })
    const fileExtra = typeof extra === 'function' ? extra(file.name) : extra
    const pages = function* (): Generator<RawPage> {
      signal?.throwIfAborted()
      for (let page = cutter.shift(); page !== undefined; page = cutter.shift()) {
        yield {
          body: page.body,
          firstLine: page.firstLine,
          format: page.oversized ?? cutter.format(),
          ...(fileExtra === undefined ? {} : { extra: fileExtra }),
          ...(text.version === undefined ? {} : { position: positionOf(file, { ...text, version: text.version }, page.end, cutter.state(page)) }),
        }
      }
    }
    for await (const chunk of text.chunks) {
      for (let at = 0; at < chunk.length; at += pageBytes) {
        cutter.push(chunk.subarray(at, at + pageBytes))
        yield* pages()
      }
    }
    cutter.end()
    yield* pages()
  }
}

interface FilePlace extends TextPlace {
  readonly file: string
  readonly state: JsonObject
}

function positionOf({ name }: FileOrigin, { version, plain }: Omit<TextPlace, 'offset'>, offset: number, state: JsonObject): JsonObject {
  return { file: name, version, offset, plain, state }
}

function placeOf(position: Json | undefined): FilePlace | undefined {
  if (position === undefined) return undefined
  if (typeof position === 'object' && position !== null && !Array.isArray(position)) {
    const { file, version, offset, plain, state } = position as JsonObject
    if (typeof file === 'string' && typeof version === 'string' && typeof offset === 'number' && typeof plain === 'boolean' && isObject(state)) {
      return { file, version, offset, plain, state }
    }
  }
  throw new SourceError(`The position ${JSON.stringify(position).slice(0, 200)} is none that files can go on from`, {
    code: 'SOURCE_POSITION',
    retryable: false,
    hint: 'It was recorded by another extractor. Start a new run.',
  })
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
