import fc from 'fast-check'
import { onTestFinished } from 'vitest'
import type { IoManager, ValuePlace } from '../../src/definitions/io-manager.ts'
import type { ResourceDefinition } from '../../src/definitions/resource.ts'
import { describe, expect, test } from '../support/test.ts'

/*
 * What every I/O manager must do. For one of your own, in a test file of Vitest:
 *
 *   testIoManager('myStore', async () => ({ io: myStore({ … a store that nobody has used … }), env: { MY_STORE_URL: url } }), storesJson)
 *
 * `storesJson` is for managers that take whatever JSON can say. One that takes less says what by `Stored`, as tests/io/postgres-series.test.ts does.
 * Run it against the real store: what it asks for, such as whole values while others are stored, is the store's doing.
 */

export interface OpenedIo {
  readonly io: ResourceDefinition<IoManager>
  /** The environment that it is started with. */
  readonly env?: Readonly<Record<string, string>>
}

/** What a manager stores. */
export interface Stored {
  readonly values: fc.Arbitrary<unknown>
  /** What is loaded of a value that was stored. Default: the same. */
  readonly loaded?: (value: unknown) => unknown
  /** A value for each number from 0, large where that can be. */
  readonly valueOf: (n: number) => unknown
  /** The partitions of its assets, nasty ones among them; undefined is for assets without. */
  readonly partitions: readonly [string | undefined, string | undefined, ...(string | undefined)[]]
  /** What it cannot store, and must refuse: a name, the value, and what the message says of it. */
  readonly refused: readonly (readonly [name: string, value: unknown, message: RegExp])[]
  readonly refusedCode: string
  /** What stands in the metadata of `valueOf(0)` of the asset `a/b` in its first partition. */
  readonly told: Readonly<Record<string, unknown>>
}

/** Whatever JSON can say, in partitions of any name. */
export const storesJson: Stored = {
  values: fc.jsonValue({ maxDepth: 4 }),
  // -0 is 0 in JSON.
  loaded: (value) => JSON.parse(JSON.stringify(value)) as unknown,
  valueOf: (n) => (n === 0 ? { a: 1 } : { n, text: String(n).repeat(50_000) }),
  partitions: [
    undefined,
    'value',
    'b',
    'c',
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
  ],
  refused: [
    ['nothing', undefined, /it is undefined/],
    ['a function', { list: [() => 1] }, /list\.0 is a function/],
    ['a bigint', { n: 1n }, /n is a bigint/],
    ['a time', { at: new Date(0) }, /at is a Date/],
    ['a map', new Map([['a', 1]]), /it is a Map/],
    ['no number', [Number.NaN], /0 is NaN/],
    ['a hole', { list: [1, undefined] }, /list\.1 is undefined/],
  ],
  refusedCode: 'VALUE_NOT_JSON',
  told: { bytes: 7 },
}

const context = { signal: new AbortController().signal }

/** Starts an I/O manager, as a worker does; it is stopped when the test is over. */
export async function startIo({ io, env = {} }: OpenedIo): Promise<IoManager> {
  const started = await io.start({ env, signal: context.signal, throttle: { turn: () => Promise.resolve(), pause: () => Promise.resolve() } })
  onTestFinished(() => io.stop?.(started))
  return started
}

/** Tests an I/O manager. @param open one on a store that nobody has used */
export function testIoManager(name: string, open: () => Promise<OpenedIo>, stored: Stored): void {
  const { valueOf, loaded = (value) => value } = stored
  const [first, second] = stored.partitions
  const place = (asset: string, partition = first): ValuePlace => ({ asset, partition })
  const start = async (): Promise<IoManager> => startIo(await open())

  describe(`the I/O manager ${name}`, () => {
    test('gives back what was stored, whatever it can be', async () => {
      const io = await start()
      await fc.assert(
        fc.asyncProperty(stored.values, async (value) => {
          await io.store(place('a/b'), value, context)
          expect(await io.load(place('a/b'), context)).toEqual(loaded(value))
        }),
        { numRuns: 50 },
      )
    })

    test('keeps assets and partitions apart, whatever they are called', async () => {
      const io = await start()
      const places = ['a', 'a/b', 'a/b/c', 'a/value', 'b'].flatMap((asset) => stored.partitions.map((partition): ValuePlace => ({ asset, partition })))
      for (const [index, one] of places.entries()) await io.store(one, valueOf(index % 2 === 0 ? index + 1 : 0), context)
      const values: unknown[] = []
      for (const one of places) values.push(await io.load(one, context))
      expect(values).toEqual(places.map((_, index) => loaded(valueOf(index % 2 === 0 ? index + 1 : 0))))
    })

    test('puts the new value in the place of the old one, and says so of what is missing', async () => {
      const io = await start()
      const missing = { code: 'VALUE_MISSING', message: expect.stringContaining('a/b') as unknown, hint: expect.stringContaining('Materialize') as unknown }
      await expect(io.load(place('a/b'), context)).rejects.toMatchObject(missing)
      await io.remove(place('a/b'), context)
      await io.store(place('a/b'), valueOf(1), context)
      await io.store(place('a/b'), valueOf(0), context)
      expect(await io.load(place('a/b'), context)).toEqual(loaded(valueOf(0)))
      await expect(io.load(place('a/b', second), context)).rejects.toMatchObject({ ...missing, message: expect.stringContaining(String(second)) as unknown })
      await io.store(place('a/b', second), valueOf(2), context)
      await io.remove(place('a/b'), context)
      await expect(io.load(place('a/b'), context)).rejects.toMatchObject(missing)
      expect(await io.load(place('a/b', second), context)).toEqual(loaded(valueOf(2)))
      await io.remove(place('a/b'), context)
    })

    test.for(stored.refused)('refuses %s instead of storing something else, and leaves what is there', async ([, value, message]) => {
      const io = await start()
      await io.store(place('a/b'), valueOf(1), context)
      await expect(io.store(place('a/b'), value, context)).rejects.toMatchObject({
        code: stored.refusedCode,
        message: expect.stringMatching(message) as unknown,
      })
      expect(await io.load(place('a/b'), context)).toEqual(loaded(valueOf(1)))
    })

    test('shows whoever loads a whole value, while others are stored', async () => {
      const io = await start()
      const numbers = new Map(Array.from({ length: 21 }, (_, n) => [JSON.stringify(loaded(valueOf(n))), n]))
      await io.store(place('a/b'), valueOf(0), context)
      let storing = true
      const storedAll = (async () => {
        for (let n = 1; n <= 20; n += 1) await io.store(place('a/b'), valueOf(n), context)
        storing = false
      })()
      const seen: number[] = []
      while (storing) {
        const value = await io.load(place('a/b'), context)
        seen.push(numbers.get(JSON.stringify(value)) ?? Number.NaN)
      }
      await storedAll
      expect(seen).toEqual(seen.toSorted((one, other) => one - other))
      expect(seen.every((n) => n >= 0)).toBe(true)
    })

    test('is filled by several workers that begin at once', async () => {
      const opened = await open()
      const workers = await Promise.all(Array.from({ length: 5 }, () => startIo(opened)))
      await Promise.all(workers.flatMap((io, n) => [io.store(place('a/b'), valueOf(n), context), io.store(place(`a/c_${String(n)}`), valueOf(n), context)]))
      for (const [n, io] of workers.entries()) expect(await io.load(place(`a/c_${String(n)}`), context)).toEqual(loaded(valueOf(n)))
    })

    test('stores nothing for a step that was stopped', async () => {
      const io = await start()
      await io.store(place('a/b'), valueOf(0), context)
      const controller = new AbortController()
      controller.abort(new Error('stopped'))
      await expect(io.store(place('a/b'), valueOf(1), { signal: controller.signal })).rejects.toThrow('stopped')
      expect(await io.load(place('a/b'), context)).toEqual(loaded(valueOf(0)))
    })

    test('tells where it stored something', async () => {
      const io = await start()
      const metadata = await io.store(place('a/b'), valueOf(0), context)
      expect(metadata).toMatchObject(stored.told)
      expect(JSON.stringify(metadata)).toMatch(/a[/.]b/)
    })
  })
}
