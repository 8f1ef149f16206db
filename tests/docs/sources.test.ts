import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { createProject } from '../cli/project.ts'
import { describe, expect, spawnMillrace, startHttpServer, temporaryFolder, test } from '../support/test.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = await readFile(join(root, 'docs/sources.md'), 'utf8')
/** The examples, by the name of the asset that each makes. */
const examples = new Map([...page.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code = '']) => [/export const (\w+)/.exec(code)?.[1] ?? '', code]))

/** An example as a location of its own. */
function locationOf(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.map((name) => {
      const code = (examples.get(name) ?? '').replace(/import \{ (.*?) \} from 'millrace'/, "import { $1, defineLocation } from 'millrace'")
      return [name, `${code}\nexport default defineLocation({ name: '${name}', assets: [${name}] })\n`]
    }),
  )
}

describe('the examples of docs/sources.md', () => {
  test('compile under the settings of the project', async () => {
    expect(examples.size).toBeGreaterThanOrEqual(3)
    const { folder } = await createProject(locationOf([...examples.keys()]))
    await writeFile(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions: { typeRoots: [join(root, 'node_modules/@types')] }, include: ['pipelines'] }),
    )
    const answer = await promisify(execFile)(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder]).catch(
      (error: Error & { stdout?: string }) => ({ stdout: error.stdout ?? error.message }),
    )
    expect(answer.stdout).toBe('')
  })

  test('of files load them', async ({ database }) => {
    const files = await temporaryFolder()
    await mkdir(join(files, 'exports'))
    const orders = (rows: string) => gzipSync(Buffer.from(`id;placed;note\n${rows}`, 'latin1'))
    await writeFile(join(files, 'exports/orders-1.csv.gz'), orders('1;2026-11-01;déjà vu\n2;2026-11-02;NULL\n'))
    await writeFile(join(files, 'exports/orders-2.csv.gz'), orders('3;2026-11-03;"NULL"\n'))
    await writeFile(join(files, 'events.jsonl.zst'), zstdCompressSync('{"id":1,"kind":"made"}\nnot one\n{"id":2,"kind":"sent"}\n'))
    const shop = await startHttpServer((_request, response) => response.end('{"data":{"count":1,"products":[{"id":1,"name":"wheel"}]}}'))
    const { folder, pipelines } = await createProject(locationOf(['orders', 'events', 'products']))
    const env = {
      DATABASE_URL: database.url,
      MILLRACE_PIPELINES: pipelines,
      MILLRACE_HOME: folder,
      EXPORTS: join(files, 'exports'),
      EVENTS: join(files, 'events.jsonl.zst'),
      PRODUCTS: shop.url,
    }
    for (const name of ['orders', 'events', 'products']) {
      const run = spawnMillrace(['materialize', `files/${name}`], env)
      expect(await run.exited, run.output()).toMatchObject({ code: 0 })
    }
    const { rows } = await database.pool.query(`SELECT id::int, placed::text, note FROM files.orders ORDER BY id`)
    expect(rows).toEqual([
      { id: 1, placed: '2026-11-01', note: 'déjà vu' },
      { id: 2, placed: '2026-11-02', note: null },
      { id: 3, placed: '2026-11-03', note: 'NULL' },
    ])
    expect((await database.pool.query(`SELECT kind FROM files.events ORDER BY id`)).rows).toEqual([{ kind: 'made' }, { kind: 'sent' }])
    expect((await database.pool.query(`SELECT name FROM files.products`)).rows).toEqual([{ name: 'wheel' }])
  })
})
