import type { Json } from '../definitions/json.ts'
import type { PageFormat, RawPage } from '../definitions/page.ts'

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
