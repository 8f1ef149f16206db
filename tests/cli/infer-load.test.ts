import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { createDatabase, expect, spawnMillrace, test } from '../support/test.ts'
import { createProject } from './project.ts'

const rows = [1, 2, 3].map((id) => ({ id, name: `größe ${String(id)}`, price: `${String(id)}.50` }))

test.for([
  ['JSON, its array within the document', 'rows.json', Buffer.from(JSON.stringify({ data: { rows }, next: null }))],
  ['JSON lines in gzip', 'rows.jsonl.gz', gzipSync(rows.map((row) => `${JSON.stringify(row)}\n`).join(''))],
  ['a CSV without a header, with semicolons', 'rows.csv', Buffer.from(rows.map(({ id, name, price }) => `${String(id)};${name};${price}\n`).join(''))],
] as const)('a file of %s is loaded by the definitions that are printed for it', async ([, file, bytes]) => {
  const database = await createDatabase()
  const { folder, pipelines } = await createProject({})
  await mkdir(join(pipelines, 'rows'), { recursive: true })
  await writeFile(join(folder, file), bytes)
  const call = async (...args: string[]) => {
    const run = spawnMillrace(args, { DATABASE_URL: database.url, MILLRACE_HOME: folder, MILLRACE_PIPELINES: pipelines }, { cwd: folder })
    const { code } = await run.exited
    expect(code, run.output()).toBe(0)
    return run.stdout()
  }
  const header = file === 'rows.csv' ? ['--no-header'] : []
  await writeFile(join(pipelines, 'rows/definitions.ts'), await call('infer', file, '--name', 'inferred/rows', '--definitions', ...header))
  await call('materialize', 'inferred/rows')
  const { rows: loaded } = await database.pool.query<Record<string, unknown>>('SELECT * FROM inferred.rows ORDER BY 1')
  expect(loaded.map((row) => Object.values(row).map(String))).toEqual(
    // With room for more digits than were seen.
    rows.map(({ id, name, price }) => [String(id), name, `${price}00`]),
  )
  expect((await database.pool.query('SELECT FROM millrace.quarantine')).rowCount).toBe(0)
  await database.pool.end()
})
