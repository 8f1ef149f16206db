import { createHash } from 'node:crypto'
import { startHttpServer } from '../support/test.ts'
import type { ChaosRecord } from './pipelines/chaos/chaos-location.ts'

/** How many rows there are, and the sum of a hash over every one of them. */
export interface Checksum {
  readonly rows: number
  readonly sum: number
}

/** Pages held back: the source answers nothing from `page` on until they are released. */
export interface Hold {
  /** Resolves when somebody asks for a page that is held. */
  readonly reached: Promise<void>
  release(): void
}

/** A real HTTP source of deterministic records, different in each edition. */
export interface ChaosSource {
  readonly url: string
  readonly pages: number
  readonly rows: number
  /** How many pages were served. */
  readonly requests: () => number
  /** What a table that holds an edition once must add up to. */
  expected(edition: number): Checksum
  hold(edition: number, page: number): Hold
  /** Lets everything go that is held. */
  releaseAll(): void
}

/** The hash of one row, as SQL over the columns of `chaos.appended` and `chaos.replaced`; the same as `hashOf` below. */
export const rowHashSql = `('x' || left(md5(concat_ws('|', id, name, amount, (extract(epoch FROM at) * 1000)::bigint, flag, coalesce(note, '~'), array_to_string(tags, ','), edition)), 8))::bit(32)::bigint`

function hashOf(record: ChaosRecord, edition: number): number {
  const text = [record.id, record.name, record.amount, Date.parse(record.at), record.flag ? 't' : 'f', record.note ?? '~', record.tags.join(','), edition].join(
    '|',
  )
  return Number.parseInt(createHash('md5').update(text).digest('hex').slice(0, 8), 16)
}

function recordOf(id: number, edition: number): ChaosRecord {
  const seed = createHash('md5')
    .update(`${String(edition)}/${String(id)}`)
    .digest('hex')
  const number = Number.parseInt(seed.slice(0, 8), 16)
  return {
    id,
    name: `${seed.repeat(4)} größe \t "quoted" \\ ${id % 7 === 0 ? '\n' : ''}€`,
    amount: `${String(number)}.${String(id % 10_000).padStart(4, '0')}`,
    at: new Date(1_600_000_000_000 + number).toISOString(),
    flag: number % 2 === 0,
    note: id % 3 === 0 ? null : `note ${seed.slice(0, 12)}`,
    tags: Array.from({ length: id % 4 }, (_, index) => `tag-${String(index)}`),
  }
}

/** Serves `pages` pages of `perPage` records for every edition there may be. */
export async function startChaosSource(pages = 8, perPage = 120): Promise<ChaosSource> {
  const holds: { edition: number; page: number; reach: () => void; released: Promise<void>; release: () => void }[] = []
  const checksums = new Map<number, Checksum>()
  let requests = 0
  const idsOf = (page: number): number[] => Array.from({ length: perPage }, (_, index) => page * perPage + index + 1)
  const server = await startHttpServer(async (request, response) => {
    const match = /^\/editions\/(\d+)\/pages\/(\d+)$/.exec(request.url ?? '')
    if (match === null) return response.writeHead(404).end()
    const [edition, page] = [Number(match[1]), Number(match[2])]
    for (const hold of holds.filter((one) => one.edition === edition && page >= one.page)) {
      hold.reach()
      await hold.released
    }
    requests += 1
    response.setHeader('content-type', 'application/json')
    const records = page < pages ? idsOf(page).map((id) => recordOf(id, edition)) : []
    return response.end(JSON.stringify({ records, next: page + 1 < pages ? page + 1 : null }))
  })
  return {
    url: server.url,
    pages,
    rows: pages * perPage,
    requests: () => requests,
    expected(edition) {
      const known = checksums.get(edition)
      if (known !== undefined) return known
      const ids = Array.from({ length: pages }, (_, page) => idsOf(page)).flat()
      const checksum = { rows: ids.length, sum: ids.reduce((sum, id) => sum + hashOf(recordOf(id, edition), edition), 0) }
      checksums.set(edition, checksum)
      return checksum
    },
    hold(edition, page) {
      const reached = Promise.withResolvers<void>()
      const released = Promise.withResolvers<void>()
      holds.push({ edition, page, reach: reached.resolve, released: released.promise, release: released.resolve })
      return { reached: reached.promise, release: released.resolve }
    },
    releaseAll() {
      for (const hold of holds) hold.release()
    },
  }
}
