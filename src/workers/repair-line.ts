import type { PageFormat } from '../definitions/page.ts'
import type { LineContext } from '../definitions/table.ts'
import type { RecordFault } from '../sources/formats/record-fault.ts'
import { parsePage } from '../sources/parse-page.ts'
import type { PageFrame } from './batch-file.ts'
import { pageOfLine } from './line-page.ts'

type RepairLine = (line: string, context: LineContext) => unknown

/**
 * The records of a line that was none, once the user's function has mended it; undefined where it has not, or not enough.
 * Throws what that function throws.
 */
export function repairedRecords(repairLine: RepairLine, fault: RecordFault, { format, extra }: PageFrame): readonly unknown[] | undefined {
  // Of what is too large to be held only the beginning is there.
  if ((fault.format ?? format).kind === 'oversized') return undefined
  const columns = format.kind === 'csv' ? { columns: format.columns } : {}
  const bytes = fault.bytes === undefined ? {} : { bytes: fault.bytes }
  const mended = repairLine(fault.text, { problem: fault.error.message, page: extra, ...columns, ...bytes })
  if (typeof mended !== 'string') return undefined
  return recordsOf(mended, format)
}

function recordsOf(line: string, format: PageFormat): readonly unknown[] | undefined {
  if (format.kind === 'parquet') return undefined
  let whole = true
  const { records } = parsePage(pageOfLine(line, format), { keepFault: () => void (whole = false) })
  return whole ? records : undefined
}
