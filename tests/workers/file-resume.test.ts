import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import type { Json } from '../../src/definitions/json.ts'
import { table } from '../../src/definitions/table.ts'
import { SourceError } from '../../src/errors.ts'
import { jsonl } from '../../src/sources/index.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, temporaryFolder, test } from '../support/test.ts'

const Row = z.object({ id: z.int() })
const lines = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `{"id":${String(from + index)}}\n`).join('')

describeBackends('a file that is read when its step fails', (backend) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend })
    return engine.stop
  })

  /** Breaks off after some pages, once, and does something in between. */
  async function load(key: string, between: (path: string) => Promise<void>) {
    const path = join(await temporaryFolder(), 'rows.jsonl')
    await writeFile(path, lines(0, 100))
    const positions: (Json | undefined)[] = []
    const asset = table({
      key,
      columns: Row,
      resumable: true,
      retry: { retries: 3, delayMs: 1 },
      async *extract({ signal, position }) {
        positions.push(position)
        let pages = 0
        for await (const page of jsonl({ path, signal, position, pageBytes: 100 })) {
          yield page
          pages += 1
          if (pages < 4 || positions.length > 1) continue
          await between(path)
          throw new SourceError('the source broke off', { code: 'BROKE_OFF' })
        }
      },
    })
    await engine.define([asset], { batchBytes: 1 })
    const run = await engine.succeed(key)
    const [schema = '', name = ''] = key.split('/')
    const rows = await engine.query<{ id: number }>(`SELECT id::int FROM ${schema}.${name} ORDER BY id`)
    return { run, positions, ids: rows.map((row) => row.id) }
  }

  test('is gone on with after its last recorded page', async () => {
    const { positions, ids } = await load('again/same', async () => undefined)
    expect(ids).toEqual(Array.from({ length: 100 }, (_, index) => index))
    expect(positions).toEqual([undefined, expect.objectContaining({ file: expect.stringMatching(/rows\.jsonl$/), offset: expect.any(Number) })])
  })

  test('is read afresh where it was written anew in between: nothing of the old one is left', async () => {
    const { run, positions, ids } = await load('again/other', (path) => writeFile(path, lines(1000, 1020)))
    expect(ids).toEqual(Array.from({ length: 20 }, (_, index) => 1000 + index))
    expect(positions).toEqual([undefined, expect.anything(), undefined])
    expect(JSON.stringify(run.events)).toContain('has changed since extraction began')
  })
})
