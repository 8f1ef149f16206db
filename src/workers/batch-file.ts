import type { Json } from '../definitions/json.ts'
import type { PageFormat, RawPage } from '../definitions/page.ts'
import { DataError } from '../errors.ts'

/** A page as it lies in a batch's raw bytes. */
export interface PageFrame {
  readonly format: PageFormat
  readonly body: Buffer
  readonly extra: Json | undefined
  readonly firstLine: number | undefined
  /** Whether its records hold what JSON cannot say: `untag` turns it back. */
  readonly tagged: boolean
}

interface FrameHeader {
  readonly format: PageFormat
  readonly bytes: number
  readonly extra?: Json
  readonly firstLine?: number
  readonly tagged?: boolean
}

/** What stands before a page's body: 4 bytes of header length, the header as JSON. */
export function frameHeader(page: RawPage, bodyBytes: number, tagged: boolean): Buffer {
  const header: FrameHeader = {
    format: page.format,
    bytes: bodyBytes,
    ...(page.extra === undefined ? {} : { extra: page.extra }),
    ...(page.firstLine === undefined ? {} : { firstLine: page.firstLine }),
    ...(tagged ? { tagged } : {}),
  }
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(text.length)
  return Buffer.concat([length, text])
}

/** The pages of a batch, in order, without copying. */
export function* readFrames(bytes: Buffer): Generator<PageFrame> {
  for (let offset = 0; offset < bytes.length;) {
    const headerEnd = offset + 4 + bytes.readUInt32BE(offset)
    const header = JSON.parse(bytes.toString('utf8', offset + 4, headerEnd)) as FrameHeader
    const end = headerEnd + header.bytes
    yield { format: header.format, body: bytes.subarray(headerEnd, end), extra: header.extra, firstLine: header.firstLine, tagged: header.tagged ?? false }
    offset = end
  }
}

/** What JSON cannot say, as it lies in a page of records; nobody's own records have such a key. */
const tag = '$millrace:value'

/**
 * Records as a page of JSON. Dates, bigints and bytes are tagged, so that a transform is handed what was yielded.
 * @throws DataError on NaN and infinities, which JSON would turn into null without a word
 */
export function pageOfRecords(records: readonly unknown[]): { readonly body: string; readonly tagged: boolean } {
  let tagged = false
  const body = JSON.stringify(records, function (this: Readonly<Record<string, unknown>>, key, value: unknown) {
    if (typeof value === 'string' || value === null) {
      // A Date is text by now, or null where it is none; only its holder still has it.
      const original = this[key]
      if (!(original instanceof Date)) return value
      tagged = true
      return { [tag]: ['date', value] }
    }
    if (typeof value === 'bigint') {
      tagged = true
      return { [tag]: ['bigint', value.toString()] }
    }
    if (typeof value === 'number' && !Number.isFinite(value)) {
      throw new DataError(`A record has ${String(value)} in ${key}, which JSON cannot say.`, {
        code: 'RECORD_NOT_JSON',
        hint: 'Yield null or text in its place.',
      })
    }
    if (typeof value === 'object') {
      // A Buffer's toJSON ran before this.
      const original = this[key]
      if (original instanceof Uint8Array) {
        tagged = true
        return { [tag]: ['bytes', Buffer.from(original.buffer, original.byteOffset, original.byteLength).toString('base64')] }
      }
    }
    return value
  })
  return { body, tagged }
}

/** Turns what `pageOfRecords` tagged back, in place. */
export function untag(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) value[index] = untag(value[index])
    return value
  }
  const holder = value as Record<string, unknown>
  const tagged = holder[tag]
  if (Array.isArray(tagged)) return ofTag(String(tagged[0]), tagged[1])
  for (const key of Object.keys(holder)) holder[key] = untag(holder[key])
  return holder
}

function ofTag(kind: string, value: unknown): unknown {
  if (kind === 'date') return new Date(typeof value === 'string' ? value : Number.NaN)
  return kind === 'bigint' ? BigInt(String(value)) : Buffer.from(String(value), 'base64')
}
