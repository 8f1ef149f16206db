import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { Command } from '@commander-js/extra-typings'
import { ConfigError } from '../../errors.ts'
import { planPackage } from '../init/package-file.ts'
import type { PlannedPackage } from '../init/package-file.ts'
import { projectFiles } from '../init-template/project-files.ts'

const examples = `
Never overwrites a file. A package.json that is there keeps what it says and gets what it lacks.

Examples:
  npx millrace init
  npx millrace init my-project --name sales`

const namePattern = /^[a-z][a-z0-9_-]{0,39}$/
/** Schemas that are somebody else's. */
const takenSchemas = /^(millrace|millrace_load|bullmq|public|information_schema|pg_.*)$/

export function initCommand() {
  return new Command('init')
    .description('Begin a project: one small code location that runs at once.')
    .argument('[folder]', 'where; made if missing', '.')
    .option('--name <name>', 'of the project, its first code location and the schema of its tables; the folder’s by default')
    .addHelpText('after', examples)
    .action(async (given, options) => {
      const folder = resolve(given)
      const name = options.name ?? nameOf(folder)
      const schema = name.replaceAll('-', '_')
      if (!namePattern.test(name) || takenSchemas.test(schema)) {
        throw new ConfigError(`${JSON.stringify(name)} cannot be the name of a code location and its schema.`, {
          code: 'NAME_INVALID',
          hint: 'Take a small letter, then at most 39 small letters, digits, _ or -; not millrace, public, bullmq, nor pg_….',
        })
      }
      const plan = planPackage(folder, name)
      const files = { ...projectFiles({ name, schema }), ...(plan.isModule ? {} : { 'pipelines/package.json': '{ "type": "module" }\n' }) }
      refuseOverwriting(folder, Object.keys(files))
      for (const [path, content] of Object.entries(files)) await create(join(folder, path), content)
      if (plan.exists) await writeFile(join(folder, 'package.json'), plan.text)
      else await create(join(folder, 'package.json'), plan.text)
      const lines = [...Object.keys(files).map((path) => `  ${path}`), `  package.json${plan.exists ? ' (was there; got what it lacked)' : ''}`]
      process.stdout.write(`Created in ${folder}:\n${lines.join('\n')}\n\nNext:\n${nextCommands(folder, plan, schema)}`)
    })
}

function nameOf(folder: string): string {
  const name = basename(folder)
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .replace(/-+$/, '')
    .slice(0, 40)
  return namePattern.test(name) && !takenSchemas.test(name.replaceAll('-', '_')) ? name : 'weather'
}

function refuseOverwriting(folder: string, paths: readonly string[]): void {
  const inTheWay = paths.filter((path) => existsSync(join(folder, path)))
  if (inTheWay.length === 0) return
  throw new ConfigError(`These files of ${folder} are in the way, and nothing was written: ${inTheWay.join(', ')}.`, {
    code: 'FILES_IN_THE_WAY',
    hint: 'Move them, or begin in another folder: `npx millrace init <folder>`.',
  })
}

async function create(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  // Fails on a file that somebody made in the meantime.
  await writeFile(path, content, { flag: 'wx' })
}

function nextCommands(folder: string, { startIsOurs, wantsMore }: PlannedPackage, schema: string): string {
  const where = relative(process.cwd(), folder)
  const isInstalled = !wantsMore && existsSync(join(folder, 'node_modules/millrace'))
  const commands = [
    ...(where === '' ? [] : [`cd ${where.startsWith('..') ? folder : where}`]),
    ...(isInstalled ? [] : ['npm install']),
    `${startIsOurs ? 'npm start' : 'npx millrace dev'}          # database, workers and board`,
    `npx millrace sql 'select * from ${schema}.warmest_hour'   # in another terminal`,
  ]
  return `${commands.map((command) => `  ${command}\n`).join('')}${olderNode()}`
}

/** A checkout brings its own Node, and so runs where the one on the PATH is older; a project's tests do not. */
function olderNode(): string {
  const [, version = '', major, minor] = /\bnode\/v((\d+)\.(\d+)\.\d+)/.exec(process.env['npm_config_user_agent'] ?? '') ?? []
  const isOlder = major !== undefined && (Number(major) < 24 || (Number(major) === 24 && Number(minor) < 12))
  return isOlder ? `\nThe Node.js of this machine is ${version}; a project needs 24.12 or newer: https://nodejs.org\n` : ''
}
