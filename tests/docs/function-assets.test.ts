import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { createProject } from '../cli/project.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

test('the examples of docs/function-assets.md compile under the settings of the project', async () => {
  const page = readFileSync(join(root, 'docs/function-assets.md'), 'utf8')
  const blocks = [...page.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code = '']) => code)
  expect(blocks.length).toBe(2)
  const { folder } = await createProject(Object.fromEntries(blocks.map((code, index) => [`example${String(index)}`, `${code}\nexport {}\n`])))
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
})
