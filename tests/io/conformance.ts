import fc from 'fast-check'
import type { IoManager, ValuePlace } from '../../src/definitions/io-manager.ts'
import type { ResourceDefinition } from '../../src/definitions/resource.ts'
import { describe, expect, test } from '../support/test.ts'

const context = { signal: new AbortController().signal }
const place = (asset: string, partition?: string): ValuePlace => ({ asset, partition })

const nastyPartitions = [
  '2026-11-22',
  '2026-11-22-05:30',
  '2026-10-25-02:00+0100',
  '2026-11-22|eu',
  'a/b',
  '../up',
  '.',
  '..',
  'ü ñ',
  'A',
  'a',
  '%2F',
  'a?b#c',
  "it's",
  '*',
  'con',
  'x'.repeat(255),
  'ü'.repeat(255),
  `${'ü'.repeat(254)}v`,
]

/** What every I/O manager must do. @param open starts one on a store that nobody has used */
export function testIoManager(name: string, open: () => Promise<ResourceDefinition<IoManager>>): void {
  const start = async (): Promise<IoManager> => {
    const definition = await open()
    return definition.start({ env: {}, signal: context.signal, throttle: { turn: () => Promise.resolve(), pause: () => Promise.resolve() } })
  }

  describe(`the I/O manager ${name}`, () => {
    test('gives back what was stored, whatever JSON it is', async () => {
      const io = await start()
      await fc.assert(
        fc.asyncProperty(fc.jsonValue({ maxDepth: 4 }), async (value) => {
          await io.store(place('a/b'), value, context)
          // -0 is 0 in JSON.
          expect(await io.load(place('a/b'), context)).toEqual(JSON.parse(JSON.stringify(value)))
        }),
        { numRuns: 50 },
      )
    })

    test('keeps assets and partitions apart, whatever they are called', async () => {
      const io = await start()
      const places = [
        place('a'),
        place('a/b'),
        place('a/b/c'),
        place('a', 'b'),
        place('a', 'value'),
        place('a/b', 'c'),
        place('a/value'),
        ...nastyPartitions.map((one) => place('a/b', one)),
        ...nastyPartitions.map((one) => place('a', one)),
      ]
      for (const [index, one] of places.entries()) await io.store(one, index, context)
      const found = await Promise.all(places.map((one) => io.load(one, context)))
      expect(found).toEqual(places.map((_, index) => index))
    })

    test('puts the new value in the place of the old one, and says so of what is missing', async () => {
      const io = await start()
      const missing = { code: 'VALUE_MISSING', message: expect.stringContaining('a/b') as unknown, hint: expect.stringContaining('Materialize') as unknown }
      await expect(io.load(place('a/b'), context)).rejects.toMatchObject(missing)
      await io.store(place('a/b'), { long: 'x'.repeat(10_000) }, context)
      await io.store(place('a/b'), 1, context)
      expect(await io.load(place('a/b'), context)).toBe(1)
      await expect(io.load(place('a/b', '2026-11-22'), context)).rejects.toMatchObject({
        ...missing,
        message: expect.stringContaining('2026-11-22') as unknown,
      })
      await io.remove(place('a/b'), context)
      await expect(io.load(place('a/b'), context)).rejects.toMatchObject(missing)
      await io.remove(place('a/b'), context)
    })

    test.for([
      ['nothing', undefined, /it is undefined/],
      ['a function', { list: [() => 1] }, /list\.0 is a function/],
      ['a bigint', { n: 1n }, /n is a bigint/],
      ['a time', { at: new Date(0) }, /at is a Date/],
      ['a map', new Map([['a', 1]]), /it is a Map/],
      ['no number', [Number.NaN], /0 is NaN/],
      ['a hole', { list: [1, undefined] }, /list\.1 is undefined/],
    ] as const)('refuses %s instead of storing something else, and leaves what is there', async ([, value, message]) => {
      const io = await start()
      await io.store(place('a/b'), 'before', context)
      await expect(io.store(place('a/b'), value, context)).rejects.toMatchObject({ code: 'VALUE_NOT_JSON', message: expect.stringMatching(message) as unknown })
      expect(await io.load(place('a/b'), context)).toBe('before')
    })

    test('shows whoever loads a whole value, while others are stored', async () => {
      const io = await start()
      const valueOf = (n: number) => ({ n, text: String(n).repeat(50_000) })
      await io.store(place('a/b'), valueOf(0), context)
      let storing = true
      const stored = (async () => {
        for (let n = 1; n <= 20; n += 1) await io.store(place('a/b'), valueOf(n), context)
        storing = false
      })()
      const seen: number[] = []
      while (storing) {
        const value = (await io.load(place('a/b'), context)) as { n: number }
        expect(value).toEqual(valueOf(value.n))
        seen.push(value.n)
      }
      await stored
      expect(seen.toSorted((one, other) => one - other)).toEqual(seen)
    })

    test('stores nothing for a step that was stopped', async () => {
      const io = await start()
      await io.store(place('a/b'), 'before', context)
      const controller = new AbortController()
      controller.abort(new Error('stopped'))
      await expect(io.store(place('a/b'), 'after', { signal: controller.signal })).rejects.toThrow('stopped')
      expect(await io.load(place('a/b'), context)).toBe('before')
    })

    test('tells where it stored something', async () => {
      const io = await start()
      const metadata = await io.store(place('a/b'), { a: 1 }, context)
      expect(metadata['bytes']).toBe(7)
      expect(JSON.stringify(metadata)).toContain('a/b')
    })
  })
}
