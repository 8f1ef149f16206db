import { execFileSync } from 'node:child_process'
import { appendFile, mkdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { filesOf } from '../../src/sources/byte-origin.ts'
import { jsonl } from '../../src/sources/jsonl.ts'
import type { JsonlOptions } from '../../src/sources/jsonl.ts'
import { parsePage } from '../../src/sources/parse-page.ts'
import { openText } from '../../src/sources/text-stream.ts'
import type { TextOptions } from '../../src/sources/text-stream.ts'
import { temporaryFolder } from '../support/cleanup.ts'
import { bytesOf } from '../support/page-body.ts'
import { collect, failureOf, sourceErrorOf } from './failure.ts'

async function fileOf(bytes: string | Uint8Array, name = 'rows.txt'): Promise<string> {
  const path = join(await temporaryFolder(), name)
  await writeFile(path, bytes)
  return path
}

async function textOf(bytes: string | Uint8Array, options: TextOptions = {}): Promise<string> {
  const [file] = await filesOf({ path: await fileOf(bytes) })
  if (file === undefined) throw new Error('there is one')
  return Buffer.concat(await collect((await openText(file, options, undefined)).chunks)).toString('utf8')
}

const text = `{"a":"Zoë 🚀"}\n`.repeat(50_000)

describe('a compressed file', () => {
  test.each([
    ['gzip', gzipSync(text)],
    ['gzip of several members', Buffer.concat([gzipSync(text.slice(0, 17)), gzipSync(''), gzipSync(text.slice(17))])],
    ['zstd', zstdCompressSync(text)],
    ['zstd of several frames', Buffer.concat([zstdCompressSync(text.slice(0, 17)), zstdCompressSync(''), zstdCompressSync(text.slice(17))])],
    ['zstd with a frame to be skipped', Buffer.concat([Buffer.from([0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2]), zstdCompressSync(text)])],
  ])('is told by its first bytes and read whole: %s', async (_, bytes) => {
    expect(await textOf(bytes)).toBe(text)
  })

  test.each([
    ['gzip', gzipSync(text)],
    ['zstd', zstdCompressSync(text)],
  ])('that is cut off or damaged is said to be: %s', async (name, bytes) => {
    const cut = await sourceErrorOf(textOf(bytes.subarray(0, bytes.length - 5)))
    expect(cut).toMatchObject({ code: 'SOURCE_TRUNCATED', retryable: true, message: expect.stringContaining(`its ${name} ends in the middle`) })
    const damaged = Buffer.from(bytes)
    damaged.fill(0xff, 20, 60)
    expect(await sourceErrorOf(textOf(damaged))).toMatchObject({ code: 'SOURCE_NOT_COMPRESSED', retryable: false })
    expect(await sourceErrorOf(textOf('a,b\n', { compression: name as 'gzip' }))).toMatchObject({ code: 'SOURCE_NOT_COMPRESSED' })
    expect(await sourceErrorOf(textOf(Buffer.concat([bytes, Buffer.from('garbage')])))).toMatchObject({ code: 'SOURCE_NOT_COMPRESSED' })
  })

  test('that is to be taken as it is, is', async () => {
    const bytes = gzipSync('x')
    expect(await textOf(Buffer.concat([bytes, Buffer.from('\n')]), { compression: 'none' })).toBe(Buffer.concat([bytes, Buffer.from('\n')]).toString('utf8'))
  })

  test.each([
    ['gzip', (size: number) => gzipSync(Buffer.alloc(size))],
    ['zstd', (size: number) => zstdCompressSync(Buffer.alloc(size))],
  ])('that is a bomb is not unpacked: %s', async (_, packed) => {
    const bomb = packed(100 * 1024 * 1024)
    const error = await sourceErrorOf(textOf(bomb))
    expect(error).toMatchObject({ code: 'SOURCE_EXPANDS', retryable: false, message: expect.stringContaining('maxRatio (200)') })
    expect(await sourceErrorOf(textOf(packed(100_000), { maxBytes: 50_000 }))).toMatchObject({
      code: 'SOURCE_EXPANDS',
      message: expect.stringContaining('maxBytes (50000)'),
    })
    expect((await textOf(packed(100_000))).length).toBe(100_000)
  })
})

describe('an encoding', () => {
  const words = 'naïve œuvre 5 €\n'
  /** As iconv writes it, which is not our own decoder. */
  const encoded = (label: string, source: string) => execFileSync('iconv', ['-f', 'utf-8', '-t', label], { input: source, maxBuffer: 2 ** 24 })

  test.each(['utf-16le', 'utf-16be', 'windows-1252'])('is read as UTF-8: %s', async (encoding) => {
    const bytes = encoded(encoding, words.repeat(50_000))
    expect(await textOf(bytes, { encoding })).toBe(words.repeat(50_000))
  })

  test('is told by a byte order mark, which is no part of the text', async () => {
    expect(await textOf(Buffer.concat([Buffer.from([0xff, 0xfe]), encoded('utf-16le', '🚀 x')]))).toBe('🚀 x')
    expect(await textOf(Buffer.concat([Buffer.from([0xfe, 0xff]), encoded('utf-16be', '🚀 x')]))).toBe('🚀 x')
    expect(await textOf('\uFEFFa,b')).toBe('a,b')
    expect(await textOf(gzipSync('\uFEFFa,b'))).toBe('a,b')
  })

  test('goes with compression', async () => {
    expect(await textOf(gzipSync(encoded('windows-1251', 'Привет')), { encoding: 'windows-1251' })).toBe('Привет')
  })

  test('that the file does not have is an error that names the byte', async () => {
    const wrong = Buffer.concat([Buffer.alloc(300_000, 'a'), Buffer.from([0x00, 0xdc, 0x41, 0x00])])
    const error = await sourceErrorOf(textOf(wrong, { encoding: 'utf-16le' }))
    expect(error).toMatchObject({
      code: 'SOURCE_ENCODING',
      retryable: false,
      message: expect.stringMatching(/rows.txt is not utf-16le: wrong at byte 300000$/),
    })
    expect(await sourceErrorOf(textOf(Buffer.from('abc'), { encoding: 'utf-16le' }))).toMatchObject({ message: expect.stringContaining('wrong at byte 2') })
    expect(await sourceErrorOf(textOf(Buffer.from([0x41, 0xff, 0x41]), { encoding: 'windows-1253' }))).toMatchObject({
      message: expect.stringContaining('wrong at byte 1'),
    })
  })

  test('that nobody knows is refused before anything is read', async () => {
    expect(await failureOf(textOf('x', { encoding: 'utf-9' }))).toMatchObject({ name: 'ConfigError', code: 'SOURCE_ENCODING_UNKNOWN' })
  })
})

const idsOf = (pages: readonly { body: Parameters<typeof bytesOf>[0] }[]) =>
  pages.flatMap((page) => parsePage({ body: bytesOf(page.body), format: { kind: 'jsonl' } }).records.map((record) => (record as { id: number }).id))
const linesOf = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `{"id":${String(from + index)}}\n`).join('')

describe('going on', () => {
  const changes: [string, Uint8Array, TextOptions][] = [
    ['as it is', Buffer.from(linesOf(0, 100)), {}],
    ['with a mark', Buffer.from(`\uFEFF${linesOf(0, 100)}`), {}],
    ['gzip', gzipSync(linesOf(0, 100)), {}],
    ['UTF-16', Buffer.from(`\uFEFF${linesOf(0, 100)}`, 'utf16le'), {}],
  ]
  test.each(changes)('from every position gives exactly the rest, with the numbers of its lines: %s', async (_, bytes, options) => {
    const path = await fileOf(bytes)
    const pages = await collect(jsonl({ path, pageBytes: 200, ...options }))
    expect(idsOf(pages).length).toBe(100)
    for (const [index, page] of pages.entries()) {
      const rest = await collect(jsonl({ path, pageBytes: 200, ...options, position: page.position }))
      expect(idsOf(rest)).toEqual(idsOf(pages.slice(index + 1)))
      expect(rest[0]?.firstLine).toBe(pages[index + 1]?.firstLine)
    }
  })

  test('in a file that has changed is refused, so that extraction begins afresh', async () => {
    const path = await fileOf(linesOf(0, 100))
    const [page] = await collect(jsonl({ path, pageBytes: 200 }))
    await appendFile(path, linesOf(100, 101))
    const error = await sourceErrorOf(collect(jsonl({ path, position: page?.position })))
    expect(error).toMatchObject({ code: 'SOURCE_CHANGED', retryable: true, message: `${path} has changed since extraction began` })
  })

  test('from a position of another source is refused', async () => {
    expect(await failureOf(collect(jsonl({ path: await fileOf(''), position: { page: 3 } })))).toMatchObject({ code: 'SOURCE_POSITION', retryable: false })
  })
})

describe('several files', () => {
  async function folderOf(): Promise<string> {
    const folder = await temporaryFolder()
    await mkdir(join(folder, 'sub'))
    for (const [index, name] of ['b.jsonl', 'a.jsonl', 'sub/c.jsonl', 'd.txt'].entries()) {
      await writeFile(join(folder, name), linesOf(index * 10, index * 10 + 10))
      await utimes(join(folder, name), 1, 1)
    }
    return folder
  }
  const read = (options: JsonlOptions) => collect(jsonl({ pageBytes: 60, extra: (file) => ({ file: file.slice(-7) }), ...options }))

  test('of a pattern are read in the order of their names, each with its name, and gone on with from every position', async () => {
    const folder = await folderOf()
    const files = join(folder, '**/*.jsonl')
    const pages = await read({ files })
    const ids = idsOf(pages)
    expect([ids[0], ids[10], ids[20], ids.length]).toEqual([10, 0, 20, 30])
    expect(new Set(pages.map((page) => JSON.stringify(page.extra)))).toEqual(new Set(['a.jsonl', 'b.jsonl', 'c.jsonl'].map((file) => JSON.stringify({ file }))))
    for (const [index, page] of pages.entries()) expect(idsOf(await read({ files, position: page.position }))).toEqual(idsOf(pages.slice(index + 1)))
  })

  test('of a list are read in its order; of a pattern that none matches, that is said', async () => {
    const folder = await folderOf()
    const ids = idsOf(await read({ files: [join(folder, 'd.txt'), `file://${folder}/a.jsonl`] }))
    expect([ids[0], ids[10], ids.length]).toEqual([30, 10, 20])
    expect(await sourceErrorOf(read({ files: join(folder, '*.csv') }))).toMatchObject({ code: 'SOURCE_NO_FILES', retryable: true })
  })

  test('that are gone when extraction goes on make it begin afresh', async () => {
    const folder = await folderOf()
    const [page] = await read({ files: join(folder, '*.jsonl') })
    expect(await sourceErrorOf(read({ files: join(folder, 'b*.jsonl'), position: page?.position }))).toMatchObject({ code: 'SOURCE_CHANGED' })
  })
})
