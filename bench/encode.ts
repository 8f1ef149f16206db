import { columnsOf } from '../src/definitions/columns.ts'
import { compileEncoder } from '../src/warehouse/encoder/compile-encoder.ts'
import { device } from './pipelines/bench/columns.ts'
import { benchRecord } from './record.ts'

const pages = 20
const rowsPerPage = 5000
const rounds = 5

const records = Array.from({ length: rowsPerPage }, (_, index) => benchRecord(index))
const page = JSON.stringify(records)
const encoder = compileEncoder(columnsOf(device), device)

function encodeAll(rows: readonly unknown[]): void {
  for (const row of rows) {
    const issues = encoder.encode(row)
    if (issues !== null) throw new Error(JSON.stringify(issues))
    if (encoder.bufferedBytes > 4_194_304) encoder.take()
  }
}

function rowsPerSecond(work: () => void): number {
  const start = performance.now()
  for (let turn = 0; turn < pages; turn++) work()
  encoder.finish()
  return Math.round((pages * rowsPerPage * 1000) / (performance.now() - start))
}

const bytes = Buffer.from(page)

/** The records of the page from its bytes, as far as they go. */
function encodeBytes(): void {
  let position = 1
  for (let row = 0; row < rowsPerPage; row++) {
    let end = encoder.encodeJson(bytes, position)
    if (end < 0) {
      end = bytes.indexOf('}', position) + 1
      const record: unknown = JSON.parse(bytes.toString('utf8', position, end))
      if (encoder.encode(record) !== null) throw new Error(`row ${String(row)} does not fit`)
      encoder.meet(record)
    }
    position = end + 1
    if (encoder.bufferedBytes > 4_194_304) encoder.take()
  }
}

const parsed = JSON.parse(page) as unknown[]
const measures: Readonly<Record<string, () => void>> = {
  'JSON.parse': () => void JSON.parse(page),
  encode: () => encodeAll(parsed),
  'JSON.parse + encode': () => encodeAll(JSON.parse(page) as unknown[]),
  'encode from bytes': encodeBytes,
}
for (const work of Object.values(measures)) rowsPerSecond(work)
for (const [name, work] of Object.entries(measures)) {
  const speeds = Array.from({ length: rounds }, () => rowsPerSecond(work)).toSorted((one, other) => one - other)
  console.log(`${name.padEnd(22)} ${String(speeds[Math.floor(rounds / 2)]).padStart(9)} rows/s (${String(speeds[0])} to ${String(speeds.at(-1))})`)
}
console.log(`${String(Math.round(page.length / rowsPerPage))} bytes of JSON a row`)
