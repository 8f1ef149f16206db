import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, spawnMillrace, test } from '../support/test.ts'
import { createProject } from './project.ts'

const head = `import { defineLocation, externalAsset, table } from 'millrace'\nimport * as z from 'zod'\n`
const tail = `export default defineLocation({ name: 'shop', assets: [] })\n`

/** Each with the place that is to be named; lines of the first two imports count. */
const files: readonly (readonly [what: string, text: string, file: string, line: number, column: number])[] = [
  ['a syntax error that stripping types finds', `${head}const list: number[] = [1, 2\n${tail}`, 'definitions.ts', 4, 1],
  ['a syntax error that only V8 finds', `${head}const a: number = 1\nconst a = 2\n${tail}`, 'definitions.ts', 4, 7],
  ['syntax that has no JavaScript', `${head}enum Size { S }\n${tail}`, 'definitions.ts', 3, 1],
  ['a syntax error in a file of its own', `${head}import './part.ts'\n${tail}`, 'part.ts', 2, 16],
  ['an import of a file that is not there', `${head}import { x } from './gone.ts'\n${tail}`, 'definitions.ts', 3, 22],
  ['an import of a part that a package does not export', `${head}import { rest } from 'millrace/nonsense'\n${tail}`, 'definitions.ts', 3, 32],
  ['an import of a folder', `${head}import { x } from '../f0'\n${tail}`, 'definitions.ts', 3, 23],
  ['an import of what a file does not export', `${head}import { nothing } from './whole.ts'\n${tail}`, 'definitions.ts', 3, 10],
  ['an error that its code throws', `${head}const token = JSON.parse('{')\n${tail}`, 'definitions.ts', 3, 20],
  ['an error that a file beside the location throws', `${head}import '../../shared.ts'\n${tail}`, 'shared.ts', 1, 7],
  ['a definition that cannot be', `${head}const x = 1\n  externalAsset({ key: 'no key' })\n${tail}`, 'definitions.ts', 4, 3],
  ['an option that there is not', `${head}const x = 1\n  externalAsset({ key: 'a/x', dep: [] })\n${tail}`, 'definitions.ts', 4, 3],
  [
    'the second of two that have one key',
    `${head}const one = externalAsset({ key: 'a/x' })\nconst two = externalAsset({ key: 'a/x' })\nexport default defineLocation({ name: 'shop', assets: [one, two] })\n`,
    'definitions.ts',
    4,
    13,
  ],
  [
    'a value that no type would let pass',
    `${head}const one = externalAsset({ key: 'a/x', partitions: 'daily' })\nexport default defineLocation({ name: 'shop', assets: [one] })\n`,
    'definitions.ts',
    3,
    13,
  ],
  [
    'a definition that was written into after it was made',
    `${head}const one = externalAsset({ key: 'a/x' })\nexport default defineLocation({ name: 'shop', assets: [Object.assign(one, { description: 5 })] })\n`,
    'definitions.ts',
    3,
    13,
  ],
  [
    'one of those that depend on each other',
    `${head}const one = externalAsset({ key: 'a/x', deps: ['a/y'] })\nconst two = externalAsset({ key: 'a/y', deps: ['a/x'] })\nexport default defineLocation({ name: 'shop', assets: [one, two] })\n`,
    'definitions.ts',
    4,
    13,
  ],
  [
    'a definition that is found wrong only as a whole',
    `${head}const rows = table({ key: 'a/x', columns: z.object({ id: z.int() }), primaryKey: ['no'], extract: () => [] })\nexport default defineLocation({ name: 'shop', assets: [rows] })\n`,
    'definitions.ts',
    3,
    14,
  ],
]

const sameTable = (name: string): string =>
  `${head}const rows = table({ key: 'sales/orders', columns: z.object({ id: z.int() }), extract: () => [] })\nexport default defineLocation({ name: '${name}', assets: [rows] })\n`

test('of definitions that cannot be loaded, file, line and column are told', async ({ database }) => {
  const broken = files.map(([what, text, file, line, column], at) => ({
    what,
    text,
    name: `f${String(at)}`,
    place: `/${file}:${String(line)}:${String(column)})`,
  }))
  const { folder, pipelines } = await createProject({
    ...Object.fromEntries(broken.map(({ name, text }) => [name, text])),
    one: sameTable('one'),
    two: sameTable('two'),
  })
  for (const { name } of broken) {
    await writeFile(join(pipelines, name, 'part.ts'), `export const a: number = 1\nexport let b = ] 2\n`)
    await writeFile(join(pipelines, name, 'whole.ts'), `export const x: number = 1\n`)
  }
  await writeFile(join(folder, 'shared.ts'), `throw new Error('not here')\n`)
  const worker = spawnMillrace(['worker'], { DATABASE_URL: database.url, MILLRACE_PIPELINES: pipelines, MILLRACE_HOME: folder })
  await worker.waitForOutput(/worker ready/)
  worker.kill('SIGTERM')
  await worker.exited
  const { rows } = await database.pool.query<{ name: string; message: string | null }>(`SELECT name, error->>'message' AS message FROM millrace.location`)
  const told = new Map(rows.map(({ name, message }) => [name, message]))
  for (const { name, what, place } of broken) {
    expect(told.get(name), what).toContain(place)
    // The terminal has it, too.
    expect(worker.output()).toContain(place)
    expect(worker.output()).toContain(`"location":"${name}","msg":"no version of it is in force`)
  }
  // There is none that could stay.
  expect(worker.output()).not.toContain('stays in force')
  // Two locations of one project that would write one table: the first keeps it.
  expect(told.get('one')).toBeNull()
  expect(told.get('two')).toMatch(/sales\/orders is stored in the table sales\.orders, as sales\/orders of the location one is\..*definitions\.ts:3:14\)/)
})
