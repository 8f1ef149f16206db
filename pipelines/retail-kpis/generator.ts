import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { stockColumns } from './operation.ts'

export interface GeneratorOptions {
  /** The first and the last day that has a file, as YYYY-MM-DD. Default: from 2023-01-01 up to today (UTC). */
  readonly firstDay?: string
  readonly lastDay?: string
}

export interface Generator {
  /** As in RETAIL_CSV_BASE_URL: a day's file is at `{date}/stock.csv` below it. */
  readonly baseUrl: string
  readonly stop: () => Promise<void>
}

type Choices<T> = readonly [T, ...T[]]

const shipModes = ['Standard Class', 'Second Class', 'First Class', 'Same Day'] as const
const segments = ['Consumer', 'Corporate', 'Home Office'] as const
const places: Choices<readonly [city: string, state: string, postalCode: string, region: string]> = [
  ['Springfield', 'Illinois', '62701', 'Central'],
  ['Portland', 'Oregon', '97201', 'West'],
  ['Augusta', 'Maine', '04330', 'East'],
  ['Charlotte', 'North Carolina', '28202', 'South'],
  ['Denver', 'Colorado', '80202', 'West'],
  ['Columbus', 'Ohio', '43085', 'East'],
]
/** With the lowest price in ten-thousandths. */
const products: Choices<readonly [category: string, subCategory: string, price: number]> = [
  ['Furniture', 'Chairs', 489_900],
  ['Furniture', 'Tables', 1_299_000],
  ['Office Supplies', 'Paper', 48_960],
  ['Office Supplies', 'Binders', 32_720],
  ['Office Supplies', 'Storage, boxes', 120_450],
  ['Technology', 'Phones', 990_480],
  ['Technology', 'Accessories', 159_800],
]

/** Starts a server of made-up daily files on a free port of this machine; a day out of its range, or anything else, answers 404. */
export async function startGenerator(options: GeneratorOptions = {}): Promise<Generator> {
  const server = createServer((request, response) => {
    const date = /^\/(\d{4}-\d{2}-\d{2})\/stock\.csv$/.exec(request.url ?? '')?.[1]
    const last = options.lastDay ?? new Date().toISOString().slice(0, 10)
    if (date === undefined || !isDay(date) || date < (options.firstDay ?? '2023-01-01') || date > last) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('There is no file of that day.')
    } else {
      response.writeHead(200, { 'content-type': 'text/csv; charset=utf-8' }).end(stockCsv(date))
    }
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject))
  const { port } = server.address() as AddressInfo
  return {
    baseUrl: `http://127.0.0.1:${String(port)}/`,
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

/** A day's file: the same every time it is asked for. */
export function stockCsv(date: string): string {
  const random = sequence(Number(date.replaceAll('-', '')))
  const rows = Array.from({ length: 60 + random(60) }, () => {
    const [city, state, postalCode, region] = pick(places, random)
    const [category, subCategory, price] = pick(products, random)
    const quantity = 1 + random(9)
    const fifths = random(3)
    // In ten-thousandths, so that every amount is exact.
    const sales = (BigInt(price + random(price)) * BigInt(quantity) * BigInt(5 - fifths)) / 5n
    const profit = (sales * BigInt(random(60) - 20)) / 100n
    return [
      pick(shipModes, random),
      pick(segments, random),
      'United States',
      city,
      state,
      postalCode,
      region,
      category,
      subCategory,
      amount(sales),
      String(quantity),
      amount(BigInt(fifths) * 2000n),
      amount(profit),
    ]
  })
  return [stockColumns, ...rows].map((row) => `${row.map(field).join(',')}\n`).join('')
}

function isDay(text: string): boolean {
  const time = Date.parse(`${text}T00:00:00Z`)
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text)
}

/** Numbers below a limit, always the same ones for a seed (mulberry32). */
function sequence(seed: number): (limit: number) => number {
  let state = seed
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit
  }
}

function amount(tenThousandths: bigint): string {
  const negative = tenThousandths < 0n
  const digits = String(negative ? -tenThousandths : tenThousandths).padStart(5, '0')
  const fraction = digits.slice(-4).replace(/0+$/, '')
  return `${negative ? '-' : ''}${digits.slice(0, -4)}${fraction === '' ? '' : `.${fraction}`}`
}

function field(value: string): string {
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value
}

function pick<T>(choices: Choices<T>, random: (limit: number) => number): T {
  return choices[random(choices.length)] ?? choices[0]
}
