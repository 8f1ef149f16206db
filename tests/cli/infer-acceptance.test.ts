import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createDatabase, describe, expect, spawnMillrace, test } from '../support/test.ts'
import { damaged, stockFile } from './infer-stock.ts'
import { createProject } from './project.ts'

const shared = process.env['MILLRACE_SHARED_DATA'] ?? resolve(fileURLToPath(new URL('../..', import.meta.url)), '../shared/data')
const real = join(shared, 'retail/2023-08-02/stock.csv')
const present = existsSync(real)
if (!present)
  console.warn(
    `The retailer's real files are not at ${real}: the acceptance of infer with them is skipped. MILLRACE_SHARED_DATA names the folder that holds retail/.`,
  )

/** The code, mended: the missing value is none, the quote goes, the word is no part of the number. */
const mend = (definitions: string): string =>
  definitions
    .replace(/profit: decimal\((\d+, \d+)\)/, 'profit: decimal($1).nullable()')
    .replace(/transform: (fromText\([^]*?\n {2}\}\)),\n/, (_, read: string) => {
      return `repairLine: (line, { problem }) => (problem.includes('fields') ? \`\${line},\` : line.replaceAll('"', '')),
  transform: (row) => read({ ...row, Quantity: String(row['Quantity']).replace(' pcs', '') }),\n/*${read}*/\n`
    })
    .replace(/\/\*(fromText\([^]*?)\*\/\n/, '')
    .replace(/\n\nconst stock = table/, (table) => `\n\nconst read = ${/fromText\([^]*?\n {2}\}\)/.exec(definitions)?.[0] ?? ''}${table}`)

describe.each([
  ['a generated file', async () => stockFile(), true],
  ['the retailer’s real file', () => readFile(real, 'utf8'), present],
] as const)('%s, inferred and loaded by the commands that a person gives', (_, contentOf, there) => {
  test.skipIf(!there)('is loaded whole; damaged, all but three lines; and with the code mended, the rest, once', async () => {
    const database = await createDatabase()
    const content = await contentOf()
    const { folder, pipelines } = await createProject({})
    await mkdir(join(pipelines, 'stock'), { recursive: true })
    await writeFile(join(folder, 'stock.csv'), content)
    await writeFile(join(folder, 'damaged.csv'), damaged(content))
    const env = { DATABASE_URL: database.url, MILLRACE_HOME: folder }
    const call = async (...args: string[]) => {
      const run = spawnMillrace(args, env, { cwd: folder })
      const { code } = await run.exited
      expect(code, run.output()).toBe(0)
      return run.stdout()
    }
    const table = async () =>
      (
        await database.pool.query(
          `SELECT count(*)::int AS rows, sum(quantity)::text AS quantity, sum(sales)::text AS sales, count(*) FILTER (WHERE postal_code LIKE '0%')::int AS zeros FROM retail.stock`,
        )
      ).rows[0] as { rows: number }

    const definitions = await call('infer', 'stock.csv', '--name', 'retail/stock', '--definitions')
    expect(definitions).toContain('80 rows, which are all of it')
    expect(definitions).toContain('quantity: z.int32()')
    await writeFile(join(pipelines, 'stock/definitions.ts'), definitions)
    await call('materialize', 'retail/stock')
    const whole = await table()
    expect(whole.rows).toBe(80)
    expect((await database.pool.query('SELECT FROM millrace.quarantine')).rowCount).toBe(0)

    await call('materialize', 'retail/stock', '--config', '{"path":"damaged.csv"}')
    expect((await table()).rows).toBe(77)
    const bad = JSON.parse(await call('quarantine', 'list', '--json')) as { issues: { column: string; message: string }[] }[]
    expect(bad.map(({ issues }) => issues.map((issue) => `${issue.column}: ${issue.message}`).join('; ')).toSorted()).toEqual([
      expect.stringMatching(/^\(line\): Line 11 .* has 12 fields; its header has 13$/),
      expect.stringMatching(/^\(line\): Line 71 .* has a quote in the wrong place, in the column "Segment"$/),
      expect.stringMatching(/^quantity: .*expected number|^quantity: is not an integer/),
    ])

    await writeFile(join(pipelines, 'stock/definitions.ts'), mend(definitions))
    await call('quarantine', 'redrive', 'retail/stock', '--config', '{"path":"damaged.csv"}')
    expect(await table()).toEqual(whole)
    expect(await call('quarantine', 'list')).toBe('There are no such records in quarantine.\n')
    await database.pool.end()
  })
})
