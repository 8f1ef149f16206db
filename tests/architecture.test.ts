import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseSync } from 'oxc-parser'
import { describe, expect, test } from 'vitest'

/** May be imported from anywhere below src/. They import each other only. */
const anywhere = ['config', 'errors', 'fault-point', 'logger', 'postgres', 'redact', 's3-client', 'sync-folder']

/** Who may import whom: a folder (or file) of src/, and what its arrows may point at. `*` is everything. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  definitions: [],
  sources: ['definitions'],
  io: ['definitions', 'catalog/destination-address', 'warehouse/identifier', 'warehouse/locks'],
  pipes: ['definitions'],
  notifiers: ['definitions', 'sources/http-retry'],
  queues: ['definitions'],
  spool: [],
  embedded: [],
  warehouse: ['definitions'],
  catalog: ['definitions'],
  producers: ['definitions', 'catalog', 'queues'],
  workers: ['definitions', 'sources', 'queues', 'spool', 'warehouse', 'catalog', 'producers/launch'],
  api: ['definitions', 'catalog', 'producers', 'queues'],
  ui: ['api', 'definitions/metadata', 'definitions/moment'],
  board: ['api', 'queues', 'ui'],
  cli: ['*'],
  index: ['definitions', 'sources'],
  testing: ['definitions', 'io', 'workers', 'warehouse/encoder', 'catalog', 'producers/launch', 'producers/schedules'],
}

/** Packages that a folder is held to, where it is. What users declare is plain values: no I/O, so nothing of Node's either, but for hashing. */
const packages: Readonly<Record<string, readonly string[]>> = {
  definitions: ['zod', 'node:crypto', 'temporal-polyfill', 'cron-parser'],
}

const root = fileURLToPath(new URL('..', import.meta.url))
const files = globSync('{src,pipelines,bench,tools,tests}/**/*.{ts,tsx}', { cwd: root }).filter((file) => !file.includes('node_modules'))
const sources = files.filter((file) => file.startsWith('src/'))

/** Every module that a file names: imports, re-exports, `import()`; types too. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8')
  const parsed = parseSync(file, text)
  if (parsed.errors.length > 0) throw new Error(`${file}: ${parsed.errors[0]?.message}`)
  const { staticImports, staticExports, dynamicImports } = parsed.module
  const exported = staticExports.flatMap((one) => one.entries.map((entry) => entry.moduleRequest?.value))
  const dynamic = dynamicImports.map(({ moduleRequest: { start, end } }) => /^['"](.*)['"]$/.exec(text.slice(start, end))?.[1])
  return [...staticImports.map((one) => one.moduleRequest.value), ...exported, ...dynamic].filter((name) => name !== undefined)
}

/** `src/producers/launch/plan.ts` → `producers/launch/plan`; null outside src/. */
function place(file: string): string | null {
  return file.startsWith('src/') ? file.slice('src/'.length).replace(/\.[jt]sx?$/, '') : null
}

function isWithin(target: string, allowed: string): boolean {
  return allowed === '*' || target === allowed || target.startsWith(`${allowed}/`)
}

/** Why a file may not import what it names; null if it may. */
function complaint(file: string, specifier: string): string | null {
  const from = place(file)
  if (from === null) return null
  const folder = from.split('/')[0] ?? from
  if (!specifier.startsWith('.')) {
    const held = packages[folder]
    return held === undefined || held.includes(specifier) ? null : `${file}: ${folder} may not use ${specifier}`
  }
  const target = place(relative(root, join(root, dirname(file), specifier)))
  if (target === null) return `${file} reaches out of src/ to ${specifier}`
  const allowed = anywhere.includes(folder) ? anywhere : [...(arrows[folder] ?? []), folder, ...anywhere]
  return allowed.some((one) => isWithin(target, one)) ? null : `${file} → ${target}: ${folder} may import ${allowed.join(', ')}`
}

describe('the house', () => {
  test('the files are read at all, and every folder of src/ has its rule', () => {
    expect(sources.length).toBeGreaterThan(30)
    expect(sources.flatMap(importsOf).length).toBeGreaterThan(sources.length)
    const folders = new Set(sources.map((file) => place(file)?.split('/')[0] ?? ''))
    expect([...folders].filter((folder) => !(folder in arrows) && !anywhere.includes(folder))).toEqual([])
  })

  test('arrows point only where they may', () => {
    const broken = sources.flatMap((file) => importsOf(file).map((specifier) => complaint(file, specifier)))
    expect(broken.filter((one) => one !== null)).toEqual([])
  })

  test.each([
    ['src/catalog/runs.ts', '../queues/jobs.ts', 'catalog may import'],
    ['src/workers/extract.ts', '../producers/sweep.ts', 'workers may import'],
    ['src/definitions/table.ts', 'pg', 'definitions may not use pg'],
    ['src/errors.ts', './catalog/migrate.ts', 'errors may import'],
    ['src/spool/files.ts', '../../tests/run.ts', 'reaches out of src/'],
  ])('%s importing %s is against the rules', (file, specifier, reason) => {
    expect(complaint(file, specifier)).toContain(reason)
  })

  test.each([
    ['src/workers/extract.ts', '../producers/launch/launch.ts'],
    ['src/workers/extract.ts', '../producers/launch/plan.ts'],
    ['src/cli/dev.ts', '../board.ts'],
    ['src/catalog/runs.ts', '../errors.ts'],
  ])('%s may import %s', (file, specifier) => {
    expect(complaint(file, specifier)).toBeNull()
  })

  test("pipelines import 'millrace' as a user does, and nothing of src/", () => {
    const reaching = files
      .filter((file) => file.startsWith('pipelines/'))
      .flatMap((file) => importsOf(file).filter((specifier) => specifier.startsWith('.') && !join(dirname(file), specifier).startsWith('pipelines/')))
    expect(reaching).toEqual([])
  })

  test('no file is over 400 lines', () => {
    const long = files.map((file) => [file, readFileSync(join(root, file), 'utf8').split('\n').length - 1] as const).filter(([, lines]) => lines > 400)
    expect(long).toEqual([])
  })
})
