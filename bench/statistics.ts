import { columnsOf } from '../src/definitions/columns.ts'
import { compileEncoder } from '../src/warehouse/encoder/compile-encoder.ts'
import { readPart, storePart } from '../src/warehouse/statistics/batch-part.ts'
import { columnStatistics } from '../src/warehouse/statistics/column-statistics.ts'
import { createSummary } from '../src/warehouse/statistics/summary.ts'
import { median } from './median.ts'
import { device } from './pipelines/bench/columns.ts'
import { benchRecord } from './record.ts'

// What statistics cost beside parsing and encoding the same rows: the record of the end-to-end bench, in batches of 4 MiB of JSON.

const rows = 11_000
const rounds = 25

const page = JSON.stringify(Array.from({ length: rows }, (_, index) => benchRecord(index)))
const columns = columnsOf(device)
const encoder = compileEncoder(columns, device)

function encode(): Uint8Array {
  for (const row of JSON.parse(page) as unknown[]) {
    const issues = encoder.encode(row)
    if (issues !== null) throw new Error(JSON.stringify(issues))
  }
  return encoder.finish()
}

const stream = Buffer.from(encode())

function describe(): Buffer {
  const statistics = columnStatistics(columns, encoder.format)
  statistics.add(stream)
  return storePart(statistics.part())
}

const part = describe()
const summary = createSummary()

/** Microseconds that a piece of work takes for each of `count`. */
function microsecondsOf(work: () => unknown, count: number): number {
  const start = performance.now()
  work()
  return ((performance.now() - start) * 1000) / count
}

const measures: readonly (readonly [name: string, work: () => unknown, count: number, unit: string])[] = [
  ['JSON.parse + encode', encode, rows, 'a row'],
  ['statistics', describe, rows, 'a row'],
  ['putting a batch together', () => summary.add(readPart(part)), 1, 'a batch'],
]
// In turn, so that what else the machine does falls on all of them alike.
const taken = measures.map((): number[] => [])
for (let round = 0; round < rounds; round += 1) {
  for (const [index, [, work, count]] of measures.entries()) taken[index]?.push(microsecondsOf(work, count))
}
for (const [index, [name, , , unit]] of measures.entries()) {
  const found = taken[index] ?? []
  console.log(`${name.padEnd(26)} ${median(found).toFixed(3).padStart(9)} µs ${unit} (best ${Math.min(...found).toFixed(3)})`)
}
console.log(`${String(Math.round(part.length))} bytes are stored of a batch of ${String(rows)} rows, ${String(Math.round(stream.length / rows))} bytes each`)
