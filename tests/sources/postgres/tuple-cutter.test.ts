import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SourceError } from '../../../src/errors.ts'
import { createTupleCutter } from '../../../src/sources/postgres/tuple-cutter.ts'
import type { TuplePage } from '../../../src/sources/postgres/tuple-cutter.ts'
import { thrownBy } from '../failure.ts'

const header = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
const trailer = Buffer.from([0xff, 0xff])

function tuple(fields: readonly (Uint8Array | null)[]): Buffer {
  const count = Buffer.alloc(2)
  count.writeUInt16BE(fields.length)
  const parts = fields.map((field) => {
    const length = Buffer.alloc(4)
    length.writeInt32BE(field === null ? -1 : field.length)
    return Buffer.concat([length, field ?? Buffer.alloc(0)])
  })
  return Buffer.concat([count, ...parts])
}

function cutAll(chunks: readonly Buffer[], pageBytes: number, maxRecordBytes = 1 << 20): TuplePage[] {
  const cutter = createTupleCutter({ pageBytes, maxRecordBytes, name: 'the shop' })
  const pages = [...chunks.map((chunk) => cutter.push(chunk)), cutter.end()]
  return pages.filter((page) => page !== undefined)
}

describe('a stream of binary COPY', () => {
  test('is cut between tuples, however it comes in', () => {
    const field = fc.oneof(fc.constant(null), fc.uint8Array({ maxLength: 40 }), fc.constant(Uint8Array.of(0xff, 0xff, 0xff, 0xff)))
    const rows = fc.array(fc.array(field, { minLength: 1, maxLength: 4 }), { maxLength: 20 })
    fc.assert(
      fc.property(rows, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), fc.integer({ min: 1, max: 200 }), (records, steps, pageBytes) => {
        const tuples = records.map(tuple)
        const stream = Buffer.concat([header, ...tuples, trailer])
        const chunks: Buffer[] = []
        for (let at = 0, step = 0; at < stream.length; step += 1) {
          const size = steps[step % steps.length] ?? 1
          chunks.push(stream.subarray(at, at + size))
          at += size
        }
        let from = 0
        for (const page of cutAll(chunks, pageBytes)) {
          expect(page.rows).toBeGreaterThan(0)
          const mine = tuples.slice(from, from + page.rows)
          expect(Buffer.concat(page.body)).toEqual(Buffer.concat(mine))
          expect(Buffer.from(page.lastTuple)).toEqual(mine.at(-1))
          from += page.rows
        }
        expect(from).toBe(tuples.length)
      }),
      { numRuns: 300 },
    )
  })

  test('of no tuples has no pages', () => {
    expect(cutAll([Buffer.concat([header, trailer])], 10)).toEqual([])
  })

  test.each([
    ['that is none', [Buffer.from('id,name\n1,a stream of something else\n')]],
    ['that ends within its header', [header.subarray(0, 12)]],
    ['that ends between two tuples', [header, tuple([Buffer.from('a')])]],
    ['that ends within a tuple', [header, tuple([Buffer.from('abc')]).subarray(0, 8)]],
    ['with a field of a negative length', [header, Buffer.from([0, 1, 0xff, 0xff, 0xff, 0xfe]), trailer]],
  ])('%s is refused, to be tried again', (_, chunks) => {
    const error = thrownBy(() => cutAll(chunks, 10))
    expect(error).toBeInstanceOf(SourceError)
    expect(error).toMatchObject({ code: 'POSTGRES_COPY_DAMAGED', retryable: true })
  })

  test('with a tuple beyond the limit is refused before it is there', () => {
    const large = tuple([Buffer.alloc(1000)])
    const cutter = createTupleCutter({ pageBytes: 10, maxRecordBytes: 100, name: 'the shop' })
    expect(thrownBy(() => cutter.push(Buffer.concat([header, tuple([Buffer.from('a')]), large.subarray(0, 200)])))).toMatchObject({
      code: 'RECORD_TOO_LARGE',
      message: expect.stringContaining('Row 2'),
    })
  })
})
