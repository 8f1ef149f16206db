import { createReadStream, existsSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { startHttpServer } from '../support/http-server.ts'
import { exactSum, operationalData } from './operational-data.ts'

const shared = process.env['MILLRACE_SHARED_DATA'] ?? resolve(fileURLToPath(new URL('../..', import.meta.url)), '../shared/data')
const folder = join(shared, 'retail')
const present = existsSync(folder)
const days = present ? readdirSync(folder).toSorted() : []
if (!present) console.warn(`The retailer's real files are not at ${folder}: their tests are skipped. MILLRACE_SHARED_DATA names the folder that holds retail/.`)

/** From the retailer: the results that are known. */
const known: Readonly<Record<string, readonly [records: number, sales: string, quantity: number]>> = {
  '2023-08-02': [80, '14567.3222', 296],
  '2023-08-04': [97, '20501.0137', 367],
  '2023-08-10': [70, '9825.4722', 255],
}

describe.skipIf(!present)('the retailer’s real files', () => {
  async function day(date: string) {
    const server = await startHttpServer((request, response) =>
      createReadStream(join(folder, request.url ?? ''))
        .on('error', () => response.writeHead(404).end())
        .pipe(response),
    )
    return operationalData(`${server.url}/${date}/stock.csv`)
  }

  test.each(Object.entries(known))('%s has %j', async (date, [records, sales, quantity]) => {
    const rows = await day(date)
    expect(rows).toHaveLength(records)
    expect(exactSum(rows.map((row) => row.sales))).toBe(sales)
    expect(rows.reduce((sum, row) => sum + row.quantity, 0)).toBe(quantity)
    expect(new Set(rows.map((row) => row.date))).toEqual(new Set([date]))
  })

  test('of all 23 days are read, a row per line', async () => {
    expect(days).toHaveLength(23)
    for (const date of days) {
      const rows = await day(date)
      expect(rows.length).toBeGreaterThan(0)
      expect(new Set(rows.map((row) => row.date))).toEqual(new Set([date]))
    }
  })
})
