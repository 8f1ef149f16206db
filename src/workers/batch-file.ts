import type { Json } from '../definitions/json.ts'
import type { PageFormat, RawPage } from '../definitions/page.ts'
import { DataError } from '../errors.ts'

/** A page as it lies in a batch's raw bytes. */
export interface PageFrame {
  readonly format: PageFormat
  readonly body: Buffer
  readonly extra: Json | undefined
  readonly firstLine: number | undefined
}

interface FrameHeader {
  readonly format: PageFormat
  readonly bytes: number
  readonly extra?: Json
  readonly firstLine?: number
}

/** Frames one page: 4 bytes of header length, the header as JSON, the body as it came. */
export function framePage(page: RawPage): Buffer[] {
  const body = typeof page.body === 'string' ? Buffer.from(page.body) : Buffer.from(page.body.buffer, page.body.byteOffset, page.body.byteLength)
  const header: FrameHeader = {
    format: page.format,
    bytes: body.length,
    ...(page.extra === undefined ? {} : { extra: page.extra }),
    ...(page.firstLine === undefined ? {} : { firstLine: page.firstLine }),
  }
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(text.length)
  return [length, text, body]
}

/** The pages of a batch, in order, without copying. */
export function* readFrames(bytes: Buffer): Generator<PageFrame> {
  for (let offset = 0; offset < bytes.length;) {
    const headerEnd = offset + 4 + bytes.readUInt32BE(offset)
    const header = JSON.parse(bytes.toString('utf8', offset + 4, headerEnd)) as FrameHeader
    const end = headerEnd + header.bytes
    yield { format: header.format, body: bytes.subarray(headerEnd, end), extra: header.extra, firstLine: header.firstLine }
    offset = end
  }
}

/**
 * Records as a page of JSON. Dates become ISO text, bigints decimal text, bytes base64, as their column types take them.
 * @throws DataError on NaN and infinities, which JSON would turn into null without a word
 */
export function pageOfRecords(records: readonly unknown[]): string {
  return JSON.stringify(records, (key, value: unknown) => {
    if (typeof value === 'bigint') return value.toString()
    if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
    if (typeof value === 'number' && !Number.isFinite(value)) {
      throw new DataError(`A record has ${String(value)} in ${key}, which JSON cannot say.`, {
        code: 'RECORD_NOT_JSON',
        hint: 'Yield null or text in its place.',
      })
    }
    // A Buffer's toJSON ran before this; its shape is told by these two fields alone.
    if (
      typeof value === 'object' &&
      value !== null &&
      'type' in value &&
      value.type === 'Buffer' &&
      'data' in value &&
      Array.isArray(value.data) &&
      Object.keys(value).length === 2
    ) {
      return Buffer.from(value.data).toString('base64')
    }
    return value
  })
}
