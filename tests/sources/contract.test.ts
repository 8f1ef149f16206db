import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Json } from '../../src/definitions/json.ts'
import type { Page } from '../../src/definitions/page.ts'
import { csv, json, jsonl, jsonPages } from '../../src/sources/index.ts'
import type { FileOptions } from '../../src/sources/index.ts'
import { secret, sourceContract } from '../contracts/source.ts'
import type { ServedSource, SourceFault, SourceRecord } from '../contracts/source.ts'
import { temporaryFolder } from '../support/cleanup.ts'
import { startFileServer } from '../support/file-server.ts'
import { handlesOf } from '../support/open-handles.ts'
import { startHttpServer } from '../support/http-server.ts'

type ReadFile = (options: FileOptions) => AsyncIterable<Page>
type Write = (records: readonly SourceRecord[]) => string

const csvText: Write = (records) => `id,text\n${records.map(({ id, text }) => `${id},"${text.replaceAll('"', '""')}"\n`).join('')}`
const jsonlText: Write = (records) => records.map((record) => `${JSON.stringify(record)}\n`).join('')
const jsonText: Write = (records) => JSON.stringify({ page: { rows: records }, next: null })

const readCsv: ReadFile = (options) => csv({ columns: ['id', 'text'], ...options })
const readJson: ReadFile = (options) => json({ at: ['page', 'rows'], ...options })

/** The same file on a web server, and in a folder. */
const formats: readonly (readonly [name: string, read: ReadFile, bytes: (records: readonly SourceRecord[]) => Buffer])[] = [
  ['csv', readCsv, (records) => Buffer.from(csvText(records))],
  ['jsonl', jsonl, (records) => Buffer.from(jsonlText(records))],
  ['json', readJson, (records) => Buffer.from(jsonText(records))],
  ['csv in gzip', readCsv, (records) => gzipSync(csvText(records), { level: 1 })],
  ['jsonl in UTF-16', jsonl, (records) => Buffer.from(`\uFEFF${jsonlText(records)}`, 'utf16le')],
]

const pageBytes = 2000

const overHttp =
  (read: ReadFile, bytes: (records: readonly SourceRecord[]) => Buffer, ranges: boolean) =>
  async (records: readonly SourceRecord[], fault?: SourceFault): Promise<ServedSource> => {
    const server = await startFileServer(bytes(records), { ranges, ...(fault === undefined ? {} : { fault }) })
    const url = new URL(`${server.url}/rows?token=${secret}`)
    url.username = 'user'
    url.password = secret
    return { read: (options) => read({ url, pageBytes, ...options }), open: server.open, sent: server.sent }
  }

for (const [name, read, bytes] of formats) {
  sourceContract(`${name} over HTTP`, {
    serve: overHttp(read, bytes, true),
    faults: ['cut', 'stall', 'refuse'],
    resumable: true,
    measured: !/gzip|UTF/.test(name),
  })
}
sourceContract('csv over HTTP without ranges', {
  serve: overHttp(readCsv, (records) => Buffer.from(csvText(records)), false),
  faults: ['cut'],
  resumable: true,
  measured: false,
})

for (const [name, read, bytes] of formats) {
  sourceContract(`${name} from disk`, {
    serve: async (records) => {
      const path = join(await temporaryFolder(), 'rows')
      await writeFile(path, bytes(records))
      return { read: (options) => read({ path, pageBytes, ...options }), open: () => handlesOf(path) }
    },
    faults: [],
    resumable: true,
    measured: false,
  })
}

sourceContract('jsonPages', {
  serve: async (records, fault) => {
    const size = records.length < 100 ? 1 : 40
    let open = 0
    let sent = 0
    const server = await startHttpServer((request, response) => {
      open += 1
      response.once('close', () => (open -= 1))
      const number = Number(new URL(request.url ?? '', 'http://x').searchParams.get('page'))
      if (fault === 'refuse') return response.writeHead(403).end(`not for ${request.headers.authorization ?? ''}`)
      const body = JSON.stringify({ rows: records.slice((number - 1) * size, number * size) })
      sent += body.length
      if (fault === undefined || number < 4) return response.end(body)
      response.writeHead(200, { 'content-length': body.length }).write(body.slice(0, 50), () => (fault === 'cut' ? response.destroy() : undefined))
      return undefined
    })
    const read = (options: { signal?: AbortSignal; position?: Json }) =>
      jsonPages({
        url: `${server.url}/?token=${secret}`,
        path: ['rows'],
        paging: { kind: 'number', parameter: 'page' },
        headers: { authorization: `Bearer ${secret}` },
        ...options,
      })
    return { read, open: () => open, sent: () => sent }
  },
  faults: ['cut', 'stall', 'refuse'],
  resumable: true,
  measured: true,
})
