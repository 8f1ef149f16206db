import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'

const stocks: Readonly<Record<string, Readonly<Record<string, number>>>> = { north: { apples: 12, pears: 7 }, south: { apples: 3, figs: 20 } }

/** Days on which there was a delivery: three of each week of January 2026. */
const days = [5, 7, 9, 12, 14, 16, 19, 21, 23].map((day) => `2026-01-${String(day).padStart(2, '0')}`)

/** A shop with made-up numbers, which asks for a token as a real one does. */
export async function startDemoShop() {
  const token = randomUUID()
  const server = createServer((request, response) => {
    const { status, body } = answerTo(request, token)
    response.writeHead(status).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The demo shop has no port.')
  return {
    env: { SHOP_URL: `http://127.0.0.1:${String(address.port)}`, SHOP_TOKEN: token },
    notice: 'SHOP_URL is not set, so a bundled shop serves made-up numbers. Set it, and SHOP_TOKEN, for one of your own.',
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function answerTo({ url = '', headers }: IncomingMessage, token: string): { readonly status: number; readonly body: string } {
  if (headers.authorization !== `Bearer ${token}`) return { status: 401, body: 'who are you?' }
  if (url === '/deliveries.json') return { status: 200, body: JSON.stringify(days) }
  const stock = stocks[/^\/stock\/(\w+)\.json$/.exec(url)?.[1] ?? '']
  if (stock !== undefined) return { status: 200, body: JSON.stringify(stock) }
  const day = /^\/deliveries\/([\d-]+)\.csv$/.exec(url)?.[1] ?? ''
  return days.includes(day) ? { status: 200, body: csvOf(day) } : { status: 404, body: 'no such thing' }
}

/** Two lines whose numbers come from the day. */
const csvOf = (day: string): string => `item,count\napples,${String(Number(day.slice(-2)) * 2)}\npears,${day.slice(-2)}\n`
