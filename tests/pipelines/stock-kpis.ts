import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'csv-parse/sync'
import * as z from 'zod'

const Lines = z.array(z.looseObject({ Sales: z.string(), Quantity: z.string() }))

/** What a day's file comes to, computed here and not by the pipeline. */
export interface Kpis {
  readonly records: number
  readonly revenue: string
  readonly units: number
  /** To 6 digits after the point. */
  readonly average: string
}

/** Sales have at most so many digits after the point. */
const places = 6

/** The KPIs of a CSV file, by whole numbers of millionths. No amount in it is negative, and some unit was sold. */
export function kpisOf(csv: string): Kpis {
  const lines = Lines.parse(parse(csv, { columns: true }))
  const millionths = lines.reduce((sum, { Sales: sales }) => {
    const [, whole = '', fraction = ''] = /^(\d+)(?:\.(\d{1,6}))?$/.exec(sales) ?? []
    return sum + BigInt(whole + fraction.padEnd(places, '0'))
  }, 0n)
  const units = lines.reduce((sum, { Quantity: quantity }) => sum + Number(quantity), 0)
  return { records: lines.length, revenue: decimalOf(millionths), units, average: decimalOf((2n * millionths + BigInt(units)) / (2n * BigInt(units))) }
}

function decimalOf(millionths: bigint): string {
  const digits = String(millionths).padStart(places + 1, '0')
  return `${digits.slice(0, -places)}.${digits.slice(-places)}`.replace(/\.?0+$/, '')
}

const shared = process.env['MILLRACE_SHARED_DATA'] ?? resolve(fileURLToPath(new URL('../..', import.meta.url)), '../shared/data')

/** The folder of the retailer's real files, which are no part of the project; undefined where it is not there. */
export const realFiles: string | undefined = existsSync(join(shared, 'retail')) ? join(shared, 'retail') : undefined

/** From the retailer: what is known of its real files. */
export const knownKpis: Readonly<Record<string, Kpis>> = {
  '2023-08-02': { records: 80, revenue: '14567.3222', units: 296, average: '49.213926' },
  '2023-08-04': { records: 97, revenue: '20501.0137', units: 367, average: '55.861073' },
  '2023-08-10': { records: 70, revenue: '9825.4722', units: 255, average: '38.531264' },
}

/** To be said by a test that wants them. */
export const realFilesMissing = `The retailer's real files are not in ${join(shared, 'retail')}: the test of them is skipped. MILLRACE_SHARED_DATA names the folder that holds retail/.`
