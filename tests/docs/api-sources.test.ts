import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { httpLimitsOf } from '../../src/sources/http-limits.ts'
import { createProject } from '../cli/project.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = readFileSync(join(root, 'docs/sources.md'), 'utf8')
const section = (heading: string): string => new RegExp(`^## ${heading}\n([^]*?)(?=^## |$(?![^]))`, 'm').exec(page)?.[1] ?? ''

describe('docs/sources.md', () => {
  test('has every limit with its default, and no other', () => {
    const rows = [...section('Limits').matchAll(/^\| `(\w+)` \| (\S+) \|/gm)].map(([, name = '', value = '']) => [name, value])
    expect(rows).toEqual(Object.entries(httpLimitsOf({})).map(([name, value]) => [name, String(value)]))
  })

  test('has examples that compile under the settings of the project', async () => {
    const blocks = [...page.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code = '']) => code)
    const names = ['acme', 'lines', 'issues', 'rates']
    const locations = names.map((name) => {
      const code = blocks.find((block) => block.includes(`\nexport const ${name} = `)) ?? `${name} is not there`
      const whole = code.replace("import { table } from 'millrace'", "import { defineLocation, table } from 'millrace'")
      return [name, `${whole}\nexport default defineLocation({ name: '${name}', assets: [${name}] })\n`] as const
    })
    const { folder } = await createProject(Object.fromEntries(locations))
    await writeFile(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions: { typeRoots: [join(root, 'node_modules/@types')] }, include: ['pipelines'] }),
    )
    const answer = await promisify(execFile)(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder]).catch(
      (error: Error & { stdout?: string }) => ({ stdout: error.stdout ?? error.message }),
    )
    expect(answer.stdout).toBe('')
  })

  test('says in few lines how a source of one’s own is written', () => {
    const example = /^```ts\n([^]*?)^```$/m.exec(section('A source of your own'))?.[1] ?? ''
    expect(example.trimEnd().split('\n').length).toBeLessThanOrEqual(25)
    expect(example).toContain('async *extract(')
  })
})
