import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, spawnMillrace, temporaryFolder, test } from '../support/test.ts'

const init = (cwd: string, ...args: string[]) => initWith({}, cwd, ...args)

async function initWith(env: Record<string, string>, cwd: string, ...args: string[]) {
  const run = spawnMillrace(['init', ...args], env, { cwd })
  const { code } = await run.exited
  return { code, stdout: run.stdout(), stderr: run.stderr() }
}

async function readJson(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, 'utf8'))
}

describe('millrace init', () => {
  test('begins a project named after its folder, and says what to run next', async () => {
    const folder = await temporaryFolder()
    const { code, stdout } = await init(folder, 'My Shop')
    expect(code).toBe(0)
    expect(stdout).toMatch(/cd My Shop\n +npm install\n +npm start/)
    const project = join(folder, 'My Shop')
    expect((await readdir(project)).toSorted()).toEqual(['.env.example', '.gitignore', 'README.md', 'package.json', 'pipelines', 'tsconfig.json'])
    expect(await readJson(join(project, 'package.json'))).toMatchObject({
      name: 'my-shop',
      private: true,
      type: 'module',
      scripts: { start: 'millrace dev', test: expect.stringContaining('node --test') as string, types: 'tsc' },
      devDependencies: { '@types/node': expect.stringMatching(/^24/) as string, typescript: expect.any(String) as string },
    })
    const definitions = await readFile(join(project, 'pipelines/my-shop/definitions.ts'), 'utf8')
    expect(definitions).toContain("name: 'my-shop'")
    expect(definitions).toContain('FROM my_shop.readings')
    expect(await readdir(join(project, 'pipelines/my-shop'))).toContain('definitions.test.ts')
    expect(definitions.split('\n').length).toBeLessThanOrEqual(45)
  })

  test('never overwrites a file: names all that are in the way and writes nothing', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'tsconfig.json'), '{}')
    await writeFile(join(folder, 'README.md'), 'mine')
    const { code, stdout, stderr } = await init(folder, '--name', 'shop')
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toContain('tsconfig.json, README.md')
    expect((await readdir(folder)).toSorted()).toEqual(['README.md', 'tsconfig.json'])
  })

  test('completes a package.json that is there, and changes nothing in it', async () => {
    const folder = await temporaryFolder()
    const there = {
      name: 'mine',
      type: 'commonjs',
      scripts: { start: 'node mine.js', test: 'vitest' },
      devDependencies: { typescript: '5' },
      dependencies: { millrace: 'file:../millrace.tgz', pg: '1' },
    }
    await writeFile(join(folder, 'package.json'), JSON.stringify(there))
    const { stdout } = await init(folder, '--name', 'shop')
    expect(stdout).toContain('npx millrace dev')
    expect(await readJson(join(folder, 'package.json'))).toMatchObject({ ...there, dependencies: { ...there.dependencies, zod: expect.any(String) as string } })
    // What is CommonJS around it would else be read as such.
    expect(await readJson(join(folder, 'pipelines/package.json'))).toEqual({ type: 'module' })
  })

  test('says where the Node.js of the machine is too old for a project', async () => {
    const folder = await temporaryFolder()
    const by = async (node: string) => (await initWith({ npm_config_user_agent: `npm/11.0.0 node/${node} linux x64` }, folder, node, '--name', 'shop')).stdout
    for (const old of ['20.20.2', '24.11.1']) expect(await by(`v${old}`)).toContain(`The Node.js of this machine is ${old}; a project needs 24.12 or newer`)
    for (const enough of ['24.12.0', '25.1.0']) expect(await by(`v${enough}`)).not.toContain('of this machine')
  })

  test('refuses names that make no schema of their own', async () => {
    const folder = await temporaryFolder()
    for (const name of ['Shop', 'millrace', 'public', 'pg_shop', '1shop', 'a'.repeat(41)]) {
      expect((await init(folder, '--name', name)).code, name).toBe(2)
    }
    expect(await readdir(folder)).toEqual([])
  })

  test('says where a package.json that is no JSON lies', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'package.json'), '{ oops')
    const { code, stderr } = await init(folder)
    expect(code).toBe(2)
    expect(stderr).toContain(join(folder, 'package.json'))
    expect(await readdir(folder)).toEqual(['package.json'])
  })
})
