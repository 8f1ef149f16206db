import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { Spool, SpoolEntry, SpoolReference } from '../../src/spool/spool.ts'
import { failureOf } from '../sources/failure.ts'
import { describe, expect, test } from '../support/test.ts'

export interface SpoolUnderTest {
  /** A spool over a storage of its own. */
  create(): Promise<Spool>
  /** Another process's view of the same storage. */
  reopen(spool: Spool): Spool
  /** Takes the bytes of a reference away, as a lost disk does. */
  lose(spool: Spool, reference: SpoolReference): Promise<void>
  /** Changes the stored bytes behind the spool's back. */
  damage(spool: Spool, reference: SpoolReference, change: (bytes: Buffer) => Buffer): Promise<void>
  /** Leaves what a process leaves that dies in the middle of writing a name. Absent where the server of the tests cannot list that. */
  breakOff?(spool: Spool, name: string): Promise<void>
}

/** Everything that a spool lists. */
export async function entriesOf(spool: Spool): Promise<SpoolEntry[]> {
  const entries: SpoolEntry[] = []
  for await (const entry of spool.list()) entries.push(entry)
  return entries
}

const namesOf = async (spool: Spool): Promise<string[]> => (await entriesOf(spool)).map((one) => one.name).toSorted()

/** What every spool must do. */
export function spoolContract(name: string, { create, reopen, lose, damage, breakOff }: SpoolUnderTest): void {
  describe(`the spool over ${name}`, () => {
    test('has an id that all who see it share, also when they ask at once, and no other spool has', async () => {
      const spool = await create()
      const ids = await Promise.all(Array.from({ length: 8 }, () => reopen(spool).id()))
      expect(new Set(ids).size).toBe(1)
      expect(ids[0]).toMatch(/^[0-9a-f-]{36}$/)
      expect(await spool.id()).toBe(ids[0])
      expect(await (await create()).id()).not.toBe(ids[0])
    })

    test.for([true, false])('gives back what was written, durable or not (%s), to whoever sees it', async (durable) => {
      const spool = await create()
      const chunks = [Buffer.from('first '), Buffer.alloc(0), Buffer.from([0, 255]), Buffer.alloc(300_000, 'x')]
      const reference = await spool.write('step/1/a.raw', chunks, { durable })
      const whole = Buffer.concat(chunks)
      expect(reference).toEqual({ name: 'step/1/a.raw', bytes: whole.length, crc: crc32(whole) })
      expect(Buffer.from(await reopen(spool).read(reference)).equals(whole)).toBe(true)
    })

    test('holds a name that was written again as it was written last', async () => {
      const spool = await create()
      await spool.write('step/1/a.raw', [Buffer.from('old and long')], { durable: true })
      const reference = await spool.write('step/1/a.raw', [Buffer.from('new')], { durable: true })
      expect(String(await spool.read(reference))).toBe('new')
    })

    test('reads into a buffer that is lent, where the bytes fit', async () => {
      const spool = await create()
      const reference = await spool.write('step/1/a.raw', [Buffer.from('0123456789')], { durable: false })
      const lent = Buffer.alloc(16, '-')
      expect(String(await spool.read(reference, lent))).toBe('0123456789')
      expect(String(lent)).toBe('0123456789------')
      expect(String(await spool.read(reference, Buffer.alloc(4)))).toBe('0123456789')
    })

    test.for([
      ['nothing', 0],
      ['1 byte', 1],
      ['8 MiB', 8 * 1024 * 1024],
      ['33 MiB', 33 * 1024 * 1024],
    ] as const)('takes %s', async ([, bytes]) => {
      const spool = await create()
      // By chance: a piece in another's place shows.
      const whole = randomBytes(bytes)
      const reference = await spool.write('step/1/a.raw', bytes === 0 ? [] : [whole], { durable: true })
      expect(reference).toEqual({ name: 'step/1/a.raw', bytes, crc: crc32(whole) })
      expect((await spool.read(reference)).equals(whole)).toBe(true)
    })

    test.for(['step/1/a b.raw', 'step/1/ünïcödé.copy', 'step/1/*[x]?.raw', 'step/12/deeper/than/usual', 'step/1/%2F+&=.raw'])(
      'takes the name %s',
      async (name) => {
        const spool = await create()
        const reference = await spool.write(name, [Buffer.from(name)], { durable: true })
        expect(String(await reopen(spool).read(reference))).toBe(name)
        expect(await namesOf(spool)).toEqual([name])
        await spool.remove('step/2/')
        expect(await namesOf(spool)).toEqual([name])
        await spool.remove(name)
        expect(await namesOf(spool)).toEqual([])
      },
    )

    test('gives one of them, and whole, where several write a name at once', async () => {
      const spool = await create()
      const contents = Array.from({ length: 6 }, (_, index) => Buffer.alloc(700_000 + index, String(index)))
      const references = await Promise.all(contents.map((one) => reopen(spool).write('step/1/a.raw', [one], { durable: false })))
      const read = await Promise.all(references.map((one) => spool.read(one).then(String, (error: unknown) => error)))
      const whole = read.filter((one) => typeof one === 'string')
      expect(whole).toHaveLength(1)
      expect(contents.map(String)).toContain(whole[0])
      for (const one of read) if (typeof one !== 'string') expect(one).toMatchObject({ code: 'SPOOL_LOST' })
      expect(await namesOf(spool)).toEqual(['step/1/a.raw'])
    })

    test('lists what lies in it with its age, and what was broken off, and both can be removed by their names', async () => {
      const spool = await create()
      await spool.id()
      expect(await namesOf(spool)).toEqual([])
      for (const name of ['step-a/1/x.raw', 'step-a/2/y.copy', 'step-b/1/z.raw']) await spool.write(name, [Buffer.from(name)], { durable: true })
      await breakOff?.(spool, 'step-a/2/half.raw')
      const entries = await entriesOf(reopen(spool))
      expect(entries.map((one) => one.name.replace(/\.writing.*/, '.writing')).toSorted()).toEqual([
        'step-a/1/x.raw',
        ...(breakOff === undefined ? [] : ['step-a/2/half.raw.writing']),
        'step-a/2/y.copy',
        'step-b/1/z.raw',
      ])
      for (const { ageMs } of entries) {
        // S3 tells whole seconds.
        expect(ageMs).toBeGreaterThan(-2000)
        expect(ageMs).toBeLessThan(60_000)
      }
      for (const { name } of entries.filter((one) => one.name.startsWith('step-a/2/'))) await spool.remove(name)
      expect(await namesOf(spool)).toEqual(['step-a/1/x.raw', 'step-b/1/z.raw'])
    })

    test('says that bytes are gone, cut or changed, and never gives them', async () => {
      const spool = await create()
      const written = () => spool.write('step/1/a.raw', [Buffer.from('0123456789')], { durable: true })
      const lost = await written()
      await lose(spool, lost)
      const expected = { name: 'SpoolLostError', code: 'SPOOL_LOST', retryable: true, hint: expect.any(String) }
      expect(await failureOf(spool.read(lost))).toMatchObject({ ...expected, message: 'The spool file step/1/a.raw is gone.' })
      const cut = await written()
      await damage(spool, cut, (bytes) => bytes.subarray(0, 4))
      expect(await failureOf(spool.read(cut))).toMatchObject({ ...expected, message: expect.stringContaining('has 4 bytes instead of 10') })
      const longer = await written()
      await damage(spool, longer, (bytes) => Buffer.concat([bytes, Buffer.from('!')]))
      expect(await failureOf(spool.read(longer))).toMatchObject({ ...expected, message: expect.stringContaining('11 bytes instead of 10') })
      const changed = await written()
      await damage(spool, changed, (bytes) => Buffer.from(bytes.map((byte, index) => (index === 5 ? byte ^ 1 : byte))))
      expect(await failureOf(spool.read(changed))).toMatchObject({ ...expected, message: expect.stringContaining('is damaged') })
    })

    test('removes what lies below a prefix, and nothing beside it', async () => {
      const spool = await create()
      const [gone, deeper, other] = await Promise.all(
        ['step-a/1/x', 'step-a/2/y', 'step-b/1/x'].map((name) => spool.write(name, [Buffer.from(name)], { durable: false })),
      )
      if (gone === undefined || deeper === undefined || other === undefined) throw new Error('three were written')
      await spool.remove('step-a/1/')
      expect(await namesOf(spool)).toEqual(['step-a/2/y', 'step-b/1/x'])
      expect(await failureOf(spool.read(gone))).toMatchObject({ code: 'SPOOL_LOST' })
      expect(String(await spool.read(deeper))).toBe('step-a/2/y')
      await spool.remove('step-a/')
      await spool.remove('step-a/')
      expect(await failureOf(spool.read(deeper))).toMatchObject({ code: 'SPOOL_LOST' })
      expect(String(await spool.read(other))).toBe('step-b/1/x')
    })
  })
}
