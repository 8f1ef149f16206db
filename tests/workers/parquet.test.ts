import { join } from 'node:path'
import { writeFile } from 'node:fs/promises'
import * as z from 'zod'
import { bytes, decimal } from '../../src/definitions/column-types.ts'
import { table } from '../../src/definitions/table.ts'
import { parquet } from '../../src/sources/index.ts'
import { everyType, parquetFile } from '../sources/parquet-file.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, startHttpServer, temporaryFolder, test } from '../support/test.ts'

const numeric20 = z.bigint().meta({ postgres: 'numeric(20,0)' })
const Everything = z.object({
  int32: z.int32().nullable(),
  int64: z.bigint().nullable(),
  uint64: numeric20.nullable(),
  double: z.number().nullable(),
  boolean: z.boolean().nullable(),
  text: z.string().nullable(),
  bytes: bytes().nullable(),
  day: z.iso.date().nullable(),
  micros: z.iso.datetime().nullable(),
  nanos: z.iso.datetime({ local: true }).nullable(),
  clock: z.iso.time().nullable(),
  dec64: decimal(18, 4).nullable(),
  dec128: decimal(38, 3).nullable(),
  json: z.json().nullable(),
  uuid: z.guid().nullable(),
})

describeBackends('a Parquet file', (backend) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend })
    return engine.stop
  })

  test('is loaded with its types, digit for digit', async () => {
    const path = join(await temporaryFolder(), 'all.parquet')
    await writeFile(path, everyType())
    await engine.define([table({ key: 'pq/all', columns: Everything, extract: () => parquet({ path, columns: Object.keys(Everything.shape) }) })])
    await engine.succeed('pq/all')
    expect(await engine.query(`SELECT t::text AS row FROM pq."all" t ORDER BY int32 NULLS LAST`)).toEqual([
      {
        row: String.raw`(-5,9007199254740993,18446744073709551615,0.1,t,Grüße,"\\x00ff",2026-11-21,"2026-11-21 09:40:00.123456+00","2026-11-21 09:40:00.123457+00",10:00:00.000001,12345678901234.5678,-0.001,"{""a"": [1]}",00112233-4455-4677-8899-aabbccddeeff)`,
      },
      {
        row: String.raw`(7,-9223372036854775808,1,1e+300,f,"","\\x01",1969-12-31,"1969-12-31 23:59:59.999999+00","1970-01-01 00:00:00+00",23:59:59,-0.0001,9223372036854775807.123,"{""b"": null}",00112233-4455-4677-8899-aabbccddee00)`,
      },
      { row: '(,,,,,,,,,,,,,,)' },
    ])
  })

  test('goes on after the last row group that was recorded, when its server fails in between', async () => {
    const ids = Array.from({ length: 3000 }, (_, index) => index)
    const file = parquetFile({
      columnData: [
        { name: 'id', data: ids, type: 'INT32', encoding: 'PLAIN' },
        { name: 'far', data: ids.map((id) => `${String(id)} `.repeat(20)), type: 'STRING', encoding: 'PLAIN' },
      ],
      codec: 'UNCOMPRESSED',
      rowGroupSize: 1000,
    })
    const served: number[] = []
    let failing = true
    const server = await startHttpServer((request, response) => {
      const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? '') ?? []
      const begin = from === '' ? file.length - Number(to) : Number(from)
      const end = from === '' ? file.length : Number(to) + 1
      if (from !== '' && served.length === 1 && failing) {
        failing = false
        request.socket.destroy()
        return
      }
      if (from !== '') served.push(begin)
      response
        .writeHead(206, { etag: '"1"', 'content-range': `bytes ${String(begin)}-${String(end - 1)}/${String(file.length)}` })
        .end(file.subarray(begin, end))
    })
    await engine.define(
      [
        table({
          key: 'pq/resumed',
          columns: z.object({ id: z.int32() }),
          resumable: true,
          retry: { retries: 1, delayMs: 1 },
          extract: ({ position, signal }) => parquet({ url: server.url, columns: ['id'], position, signal }),
        }),
      ],
      { batchBytes: 1024 },
    )
    expect((await engine.succeed('pq/resumed')).step).toMatchObject({ attempt: 2, generation: 1 })
    expect(served).toHaveLength(3)
    expect(new Set(served).size).toBe(3)
    expect(await engine.query('SELECT count(*)::int AS n, count(DISTINCT id)::int AS ids FROM pq.resumed')).toEqual([{ n: 3000, ids: 3000 }])
  })

  test('keeps in quarantine what does not fit, with values that JSON has no words for, and takes them again', async () => {
    const path = join(await temporaryFolder(), 'bad.parquet')
    const data = [
      { name: 'id', data: [1n, 2n, 3n], type: 'INT64' },
      { name: 'ratio', data: [0.5, Number.NaN, Infinity], type: 'DOUBLE' },
    ] as const
    await writeFile(path, parquetFile({ columnData: data.map((one) => ({ ...one, data: [...one.data] })) }))
    let mended = false
    const seen: unknown[] = []
    await engine.define([
      table<z.ZodObject<{ id: z.ZodBigInt; ratio: z.ZodNullable<z.ZodNumber> }>, { id: bigint; ratio: number }>({
        key: 'pq/ratios',
        columns: z.object({ id: z.bigint(), ratio: z.number().nullable() }),
        quarantine: true,
        extract: () => parquet({ path }),
        transform: (row) => {
          if (mended) seen.push(row)
          return mended && !Number.isFinite(row.ratio) ? { ...row, ratio: null } : row
        },
      }),
    ])
    expect((await engine.succeed('pq/ratios')).step.result).toMatchObject({ rows: 1, quarantined: 2 })
    const kept = await engine.query(`SELECT place, issues FROM millrace.quarantine WHERE asset = 'pq/ratios' ORDER BY record_index`)
    expect(kept).toMatchObject([
      { place: 'row 1 of row group 0 of page 1 of batch 0 of pq/ratios', issues: [{ column: 'ratio' }] },
      { place: 'row 2 of row group 0 of page 1 of batch 0 of pq/ratios', issues: [{ column: 'ratio' }] },
    ])
    mended = true
    await engine.succeed('pq/ratios', { redrive: true })
    expect(seen).toEqual([
      { id: 2n, ratio: Number.NaN },
      { id: 3n, ratio: Infinity },
    ])
    expect(await engine.query('SELECT id::int, ratio FROM pq.ratios ORDER BY id')).toEqual([
      { id: 1, ratio: 0.5 },
      { id: 2, ratio: null },
      { id: 3, ratio: null },
    ])
  })
})
