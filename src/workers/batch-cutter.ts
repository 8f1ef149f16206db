import type { Json } from '../definitions/json.ts'
import type { Page, RawPage } from '../definitions/page.ts'
import type { BufferPool } from '../spool/buffer-pool.ts'
import { frameHeader } from './batch-file.ts'
import { pageOfRecords } from './tagged-json.ts'

/** Pages that travel together. */
export interface CutBatch {
  readonly bytes: Buffer
  /** Where extraction goes on after the batch's last page. */
  readonly position: Json | undefined
  /** The last one that its pages carried. */
  readonly cursor: Json | undefined
  /** To be called when the bytes are stored. */
  readonly release: () => void
}

export interface BatchCutter {
  /** Takes a page; answers a batch when it is full. */
  add(page: Page): CutBatch | undefined
  /** What is left, if anything. */
  rest(): CutBatch | undefined
}

const firstBytes = 1 << 20

/**
 * Cuts batches by bytes, not rows: what costs memory, disk and time is bytes. A page is never cut. Pages are copied into a buffer that is
 * used again, so that each can be forgotten at once. The first batches are small, so that transform and load begin at once; then each is twice as
 * large as the one before, up to `batchBytes`: what a batch costs besides its bytes is paid less often.
 */
export function createBatchCutter(batchBytes: number, pool: BufferPool): BatchCutter {
  let buffer: Buffer | undefined
  let length = 0
  let position: Json | undefined
  let cursor: Json | undefined
  let full = Math.min(batchBytes, firstBytes)
  const reserve = (more: number): Buffer => {
    buffer ??= pool.take(full + more)
    if (length + more > buffer.length) {
      const larger = pool.take(length + more)
      buffer.copy(larger, 0, 0, length)
      pool.give(buffer)
      buffer = larger
    }
    return buffer
  }
  const take = (): CutBatch => {
    const whole = buffer ?? Buffer.alloc(0)
    const batch = { bytes: whole.subarray(0, length), position, cursor, release: () => pool.give(whole) }
    buffer = undefined
    length = 0
    cursor = undefined
    full = Math.min(batchBytes, full * 2)
    return batch
  }
  return {
    add(page) {
      const { raw, tagged } = rawPageOf(page)
      const parts = partsOf(raw.body)
      const bodyBytes = parts.reduce((sum, part) => sum + Buffer.byteLength(part), 0)
      const header = frameHeader(raw, bodyBytes, tagged)
      const target = reserve(header.length + bodyBytes)
      target.set(header, length)
      length += header.length
      for (const part of parts) {
        if (typeof part === 'string') target.write(part, length)
        else target.set(part, length)
        length += Buffer.byteLength(part)
      }
      position = raw.position
      cursor = raw.cursor ?? cursor
      return length >= full ? take() : undefined
    },
    rest: () => (length === 0 ? undefined : take()),
  }
}

function partsOf(body: RawPage['body']): readonly (Uint8Array | string)[] {
  return typeof body === 'string' || body instanceof Uint8Array ? [body] : body
}

function rawPageOf(page: Page): { raw: RawPage; tagged: boolean } {
  if ('body' in page) return { raw: page, tagged: false }
  const records = 'records' in page ? page.records : page
  const { extra, position, cursor } = 'records' in page ? page : {}
  const { body, tagged } = pageOfRecords(records)
  return {
    raw: {
      body,
      format: { kind: 'json' },
      ...(extra === undefined ? {} : { extra }),
      ...(position === undefined ? {} : { position }),
      ...(cursor === undefined ? {} : { cursor }),
    },
    tagged,
  }
}
