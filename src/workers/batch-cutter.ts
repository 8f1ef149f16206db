import type { Json } from '../definitions/json.ts'
import type { Page, RawPage } from '../definitions/page.ts'
import { framePage, pageOfRecords } from './batch-file.ts'

/** Pages that travel together. */
export interface CutBatch {
  readonly chunks: readonly Uint8Array[]
  /** Where extraction goes on after the batch's last page. */
  readonly position: Json | undefined
}

export interface BatchCutter {
  /** Takes a page; answers a batch when it is full. */
  add(page: Page): CutBatch | undefined
  /** What is left, if anything. */
  rest(): CutBatch | undefined
}

/** Cuts batches by bytes, not rows: what costs memory, disk and time is bytes. A page is never cut. */
export function createBatchCutter(batchBytes: number): BatchCutter {
  let chunks: Buffer[] = []
  let bytes = 0
  let position: Json | undefined
  const take = (): CutBatch => {
    const batch = { chunks, position }
    chunks = []
    bytes = 0
    return batch
  }
  return {
    add(page) {
      const { raw, tagged } = rawPageOf(page)
      for (const chunk of framePage(raw, tagged)) {
        chunks.push(chunk)
        bytes += chunk.length
      }
      position = raw.position
      return bytes >= batchBytes ? take() : undefined
    },
    rest: () => (chunks.length === 0 ? undefined : take()),
  }
}

function rawPageOf(page: Page): { raw: RawPage; tagged: boolean } {
  if ('body' in page) return { raw: page, tagged: false }
  const records = 'records' in page ? page.records : page
  const { extra, position } = 'records' in page ? page : {}
  const { body, tagged } = pageOfRecords(records)
  return {
    raw: { body, format: { kind: 'json' }, ...(extra === undefined ? {} : { extra }), ...(position === undefined ? {} : { position }) },
    tagged,
  }
}
