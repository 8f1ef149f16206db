import type { Json } from '../../src/definitions/json.ts'
import type { Page } from '../../src/definitions/page.ts'
import { SourceError, storedError } from '../../src/errors.ts'
import { parseBlocks } from '../../src/sources/parse-blocks.ts'
import { failureOf } from '../sources/failure.ts'
import { bytesOf } from '../support/page-body.ts'
import { describe, expect, test, waitFor } from '../support/test.ts'

/** What a source under test gives: text only, so that every format can say it. */
export interface SourceRecord {
  readonly id: string
  readonly text: string
}

/** What may be wrong with where it comes from: it breaks off in the middle, says nothing more there, or turns the caller away. */
export type SourceFault = 'cut' | 'stall' | 'refuse'

export interface ServedSource {
  /** The factory's pages: a few for 300 small records, about one for each record of 1 MiB. */
  readonly read: (options: { signal?: AbortSignal; position?: Json }) => AsyncIterable<Page>
  /** Connections, answers or handles that are open now. */
  readonly open: () => number
  /** Bytes that were handed over so far. */
  readonly sent?: () => number
}

export interface SourceUnderTest {
  /** Serves these records, with credentials that hold `secret`. */
  readonly serve: (records: readonly SourceRecord[], fault?: SourceFault) => Promise<ServedSource>
  /** The faults that it can have. */
  readonly faults: readonly SourceFault[]
  /** Whether its pages carry positions. */
  readonly resumable: boolean
  /** Whether what it serves can count the bytes it hands over. */
  readonly measured: boolean
}

/** Part of the address, a header or a password of every source under test. */
export const secret = 'hunter2-of-the-source'

const small = Array.from({ length: 300 }, (_, index): SourceRecord => ({ id: `r${String(index)}`, text: `"${String(index)}", é\n${'x'.repeat(index % 70)}` }))

async function recordsOf(...pages: readonly Page[]): Promise<unknown[]> {
  const all: unknown[] = []
  for (const page of pages) {
    if (!('body' in page)) all.push(...('records' in page ? page.records : page))
    else for await (const { records } of parseBlocks({ ...page, body: bytesOf(page.body) }, {})) all.push(...records)
  }
  return all
}

const positionOf = (page: Page): Json | undefined => ('position' in page ? page.position : undefined)

async function collect(pages: AsyncIterable<Page>, into: Page[] = []): Promise<Page[]> {
  for await (const page of pages) into.push(page)
  return into
}

async function closed(source: ServedSource): Promise<void> {
  await waitFor(() => source.open() === 0, { what: 'nothing to be open any more' })
}

/** What every source must do. */
export function sourceContract(name: string, { serve, faults, resumable, measured }: SourceUnderTest): void {
  describe(`the source ${name}`, () => {
    test('gives all records once, in order, in several pages, and leaves nothing open', async () => {
      const source = await serve(small)
      const pages = await collect(source.read({}))
      expect(await recordsOf(...pages)).toEqual(small)
      expect(pages.length).toBeGreaterThan(3)
      await closed(source)
    })

    test('gives nothing where there are no records', async () => {
      const source = await serve([])
      expect(await recordsOf(...(await collect(source.read({}))))).toEqual([])
      await closed(source)
    })

    test('closes what it opened when nobody takes its next page', async () => {
      const source = await serve(small)
      for await (const page of source.read({})) {
        expect((await recordsOf(page))[0]).toEqual(small[0])
        break
      }
      await closed(source)
    })

    test('reads nothing for who has given up already', async () => {
      const source = await serve(small)
      const reason = new Error('the run was cancelled')
      expect(await failureOf(collect(source.read({ signal: AbortSignal.abort(reason) })))).toBe(reason)
      await closed(source)
    })

    test('ends between two pages with the reason of its signal', async () => {
      const source = await serve(small)
      const stop = new AbortController()
      const reason = new Error('the run was cancelled')
      const taken: Page[] = []
      const reading = (async () => {
        for await (const page of source.read({ signal: stop.signal })) {
          taken.push(page)
          stop.abort(reason)
        }
      })()
      expect(await failureOf(reading)).toBe(reason)
      const records = await recordsOf(...taken)
      expect(records).toEqual(small.slice(0, records.length))
      await closed(source)
    })

    if (resumable) {
      test('goes on from each position with exactly the rest', async () => {
        const source = await serve(small)
        const pages = await collect(source.read({}))
        for (const [index, page] of pages.entries()) {
          const position = positionOf(page)
          if (position === undefined) throw new Error(`page ${String(index)} has no position`)
          expect(JSON.parse(JSON.stringify(position))).toEqual(position)
          const rest = await collect(source.read({ position }))
          expect(await recordsOf(...rest)).toEqual(await recordsOf(...pages.slice(index + 1)))
        }
        expect(JSON.stringify(pages.map(positionOf))).not.toContain(secret)
        await closed(source)
      })
    }

    if (faults.includes('stall')) {
      test('ends in the middle of waiting with the reason of its signal', async () => {
        const source = await serve(small, 'stall')
        const stop = new AbortController()
        const taken: Page[] = []
        const reading = failureOf(collect(source.read({ signal: stop.signal }), taken))
        await waitFor(() => source.open() > 0, { what: 'the source to be read' })
        const reason = new Error('the run was cancelled')
        stop.abort(reason)
        expect(await reading).toBe(reason)
        await closed(source)
      })
    }

    if (faults.includes('cut')) {
      test('says that it was broken off, and what came before is whole', async () => {
        const source = await serve(small, 'cut')
        const taken: Page[] = []
        const error = await failureOf(collect(source.read({}), taken))
        if (!(error instanceof SourceError)) throw error
        expect(error).toMatchObject({ retryable: true, hint: expect.any(String) })
        expect(JSON.stringify(storedError(error))).not.toContain(secret)
        const records = await recordsOf(...taken)
        expect(records).toEqual(small.slice(0, records.length))
        await closed(source)
      })
    }

    if (faults.includes('refuse')) {
      test('says that it was turned away, without its credentials', async () => {
        const source = await serve(small, 'refuse')
        const error = await failureOf(collect(source.read({})))
        if (!(error instanceof SourceError)) throw error
        expect(error).toMatchObject({ retryable: false, hint: expect.any(String) })
        expect(JSON.stringify(storedError(error))).not.toContain(secret)
        await closed(source)
      })
    }

    if (measured) {
      test('asks for no more than a few pages that nobody has taken yet', async () => {
        const large = Array.from({ length: 64 }, (_, index): SourceRecord => ({ id: `r${String(index)}`, text: 'x'.repeat(2 ** 20) }))
        const { read, open, sent = () => Number.NaN } = await serve(large)
        let taken = 0
        for await (const page of read({})) {
          taken += (await recordsOf(page)).length
          if (taken > 3) break
          await settled(sent)
        }
        // Buffers of the operating system between two sockets grow to as much as 10 MiB for each connection; half of it all is far beyond them.
        expect(sent() / 2 ** 20).toBeLessThan(taken + large.length / 2)
        await waitFor(() => open() === 0, { what: 'nothing to be open any more' })
      })
    }
  })
}

/** Waits until nothing more is handed over. */
async function settled(sent: () => number): Promise<void> {
  let before = -1
  let alike = 0
  await waitFor(
    () => {
      alike = sent() === before ? alike + 1 : 0
      before = sent()
      return alike >= 3
    },
    { what: 'the source to stop reading ahead' },
  )
}
