import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { temporaryFolder } from '../support/test.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** A user's project: a folder of code locations, by name, and the packages they import. */
export async function createProject(locations: Readonly<Record<string, string>>): Promise<{ readonly folder: string; readonly pipelines: string }> {
  const folder = await temporaryFolder()
  await mkdir(join(folder, 'node_modules'))
  await symlink(root, join(folder, 'node_modules/millrace'))
  await symlink(join(root, 'node_modules/zod'), join(folder, 'node_modules/zod'))
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  for (const [name, definitions] of Object.entries(locations)) {
    await mkdir(join(folder, 'pipelines', name), { recursive: true })
    await writeFile(join(folder, 'pipelines', name, 'definitions.ts'), definitions)
  }
  return { folder, pipelines: join(folder, 'pipelines') }
}

/** Definitions of a location with one asset, `<name>/rows`; `extract` is the body of its extractor. */
export function definitionsOf(name: string, extract: string, more = ''): string {
  return `import { defineLocation, table } from 'millrace'
import * as z from 'zod'

const rows = table({
  key: '${name}/rows',
  columns: z.object({ id: z.int() }),
  retry: { retries: 0 },
  config: z.object({ count: z.int().min(1).default(2) }),
  async *extract({ config, signal }) {
    ${extract}
  },
})
${more}
export default defineLocation({ name: '${name}', assets: [rows] })
`
}
