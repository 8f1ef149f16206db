import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { createProject } from '../cli/project.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The pages whose examples are whole, with how many each has. */
const pages = {
  automation: 2,
  checks: 2,
  'external-processes': 1,
  'external-assets': 4,
  freshness: 1,
  'function-assets': 3,
  'io-managers': 3,
  metadata: 1,
  notifications: 2,
  'ops-and-jobs': 4,
  partitions: 1,
  'run-queue': 1,
  schedules: 1,
  sensors: 2,
  testing: 1,
} as const

const examplesOf = (page: string): string[] =>
  [...readFileSync(join(root, 'docs', `${page}.md`), 'utf8').matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code = '']) => code)
const nameOf = (page: string, index: number): string => `${page}-${String(index)}`

describe('the examples of the pages', () => {
  let folder: string
  beforeAll(async () => {
    const examples = Object.keys(pages).flatMap((page) => examplesOf(page).map((code, index) => [nameOf(page, index), `${code}\nexport {}\n`] as const))
    folder = (await createProject(Object.fromEntries(examples))).folder
  })

  test('compile under the settings of the project', async () => {
    await writeFile(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        extends: join(root, 'tsconfig.json'),
        compilerOptions: { noUnusedLocals: false, typeRoots: [join(root, 'node_modules/@types')] },
        include: ['pipelines'],
      }),
    )
    const answer = await promisify(execFile)(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder]).catch(
      (error: Error & { stdout?: string }) => ({ stdout: error.stdout ?? error.message }),
    )
    expect(answer.stdout).toBe('')
  }, 60_000)

  test('of docs/testing.md passes its own tests', async () => {
    const file = join(folder, 'pipelines', nameOf('testing', 0), 'definitions.ts')
    const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=millrace:source', '--test', '--test-reporter=tap', file])
    expect(stdout).toMatch(/^# pass 4$/m)
  })

  test.each(Object.entries(pages))('of docs/%s.md are %i, and those that define a location load', async (page, count) => {
    const examples = examplesOf(page)
    expect(examples).toHaveLength(count)
    for (const [index, code] of examples.entries()) {
      if (!code.includes('export default defineLocation')) continue
      const loaded = (await import(join(folder, 'pipelines', nameOf(page, index), 'definitions.ts'))) as { default: { kind: string } }
      expect(loaded.default.kind).toBe('location')
    }
  })
})
