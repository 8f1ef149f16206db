import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { basename, dirname, extname, join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { DefinitionError } from '../definitions/definition-error.ts'
import { knownInstead } from '../definitions/known-instead.ts'
import { isStored, placeOf } from '../definitions/location.ts'
import type { Location } from '../definitions/location.ts'
import { Manifest, manifestOf } from '../definitions/manifest.ts'
import { ConfigError, MillraceError } from '../errors.ts'
import { placeOfError } from './place-of-error.ts'
import type { Place } from './place-of-error.ts'
import { issuesOf } from '../definitions/issues.ts'

/** A code location as a worker holds it. */
export interface LoadedLocation {
  readonly location: Location
  readonly manifest: Manifest
  readonly version: string
  /** The name of the folder of its definitions, by which it is known as long as they do not load. */
  readonly folder?: string
}

/** A definitions file that could not be loaded, and why. */
export interface BrokenLocation {
  /** The folder's name, which is what the location is called by convention. */
  readonly name: string
  readonly error: MillraceError
}

export interface LoadedLocations {
  readonly loaded: readonly LoadedLocation[]
  readonly broken: readonly BrokenLocation[]
}

const definitionsFile = /^definitions\.(ts|mts|js|mjs)$/

/** The definitions files of a project: `<folder>/<location>/definitions.ts`, or `<folder>/definitions.ts` alone. */
async function findDefinitions(folder: string): Promise<string[]> {
  if (!existsSync(folder)) {
    throw new ConfigError(`There is no folder ${folder} with code locations.`, {
      code: 'PIPELINES_MISSING',
      hint: 'Run this in your project’s folder, set MILLRACE_PIPELINES, or begin with `millrace init`.',
    })
  }
  const entries = await readdir(folder, { withFileTypes: true })
  const own = entries.filter((one) => one.isFile() && definitionsFile.test(one.name)).map((one) => join(folder, one.name))
  const nested = await Promise.all(
    entries
      .filter((one) => one.isDirectory() && one.name !== 'node_modules' && !one.name.startsWith('.'))
      .map(async (one) => (await readdir(join(folder, one.name))).filter((name) => definitionsFile.test(name)).map((name) => join(folder, one.name, name))),
  )
  return [...own, ...nested.flat()].toSorted()
}

/**
 * Loads a project's code locations. One that cannot be loaded does not keep the others from working.
 * @param only names of the locations wanted; all when undefined
 * @throws ConfigError when the folder is missing, or a wanted location is not there
 */
export async function loadLocations(folder: string, only: readonly string[] | undefined, codeVersion: string | undefined): Promise<LoadedLocations> {
  const loaded: LoadedLocation[] = []
  const broken: BrokenLocation[] = []
  for (const file of await findDefinitions(folder)) {
    const name = basename(dirname(file))
    try {
      const one = await loadLocation(file, codeVersion)
      const twin = loaded.find((other) => other.location.name === one.location.name)
      if (twin !== undefined)
        throw new MillraceError(`Two definitions files define the location ${one.location.name}.`, {
          code: 'DEFINITION_INVALID',
          hint: 'Rename one of the two.',
        })
      refuseSameTables(one.location, loaded)
      loaded.push(one)
    } catch (error) {
      broken.push({ name, error: explain(file, error) })
    }
  }
  const wanted = only === undefined ? loaded : loaded.filter((one) => only.includes(one.location.name))
  const missing = (only ?? []).filter((name) => !loaded.some((one) => one.location.name === name) && !broken.some((one) => one.name === name))
  if (missing.length > 0) {
    throw new ConfigError(`There is no location ${missing.join(', ')} in ${folder}.`, {
      code: 'LOCATION_UNKNOWN',
      hint: knownInstead(
        missing[0] ?? '',
        loaded.map((one) => one.location.name),
        { what: 'locations', list: `ls ${folder}` },
      ),
    })
  }
  return { loaded: wanted, broken: only === undefined ? broken : broken.filter((one) => only.includes(one.name)) }
}

/** A table has one asset: two would each take the other's rows away. @throws DefinitionError */
function refuseSameTables(location: Location, others: readonly LoadedLocation[]): void {
  for (const asset of location.assets) {
    if (!isStored(asset)) continue
    const place = placeOf(asset)
    for (const { location: other } of others) {
      const twin = other.assets.find((one) => isStored(one) && placeOf(one) === place)
      if (twin === undefined) continue
      const message = `${asset.key} is stored in the table ${place}, as ${twin.key} of the location ${other.name} is. Rename one of the two.`
      throw new DefinitionError(message, { declared: asset.declared })
    }
  }
}

async function loadLocation(file: string, codeVersion: string | undefined): Promise<LoadedLocation> {
  const module = (await import(pathToFileURL(file).href)) as { default?: unknown }
  const location = module.default
  if (!isLocation(location)) {
    throw new MillraceError(`The default export of ${file} is not a location.`, {
      code: 'DEFINITION_INVALID',
      hint: 'End the file with `export default defineLocation({ … })`.',
    })
  }
  const manifest = manifestOf(location)
  refuseUnreadable(location, manifest)
  return { location, manifest, folder: basename(dirname(file)), version: codeVersion ?? (await hashFolder(dirname(file), JSON.stringify(manifest))) }
}

/** What is not what the definers make, for whatever was written into it since: everybody who reads the catalogue would stumble over it. @throws DefinitionError */
function refuseUnreadable(location: Location, manifest: Manifest): void {
  const parsed = Manifest.safeParse(JSON.parse(JSON.stringify(manifest)))
  if (parsed.success) return
  const [list, at] = parsed.error.issues[0]?.path ?? []
  const asset = list === 'assets' && typeof at === 'number' ? location.assets[at] : undefined
  const what = asset === undefined ? `The location ${location.name}` : `The asset ${asset.key}`
  throw new DefinitionError(`${what} cannot be: ${issuesOf(parsed.error)}.`, asset === undefined ? {} : { declared: asset.declared })
}

function isLocation(value: unknown): value is Location {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'location'
}

/** A location's version: its manifest and the text of every source file of its folder, so that a changed transform is another version too. */
async function hashFolder(folder: string, manifest: string): Promise<string> {
  const hash = createHash('sha256').update(manifest)
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries
    .filter((one) => one.isFile() && ['.ts', '.mts', '.js', '.mjs', '.json', '.sql'].includes(extname(one.name)) && !one.parentPath.includes('node_modules'))
    .map((one) => join(one.parentPath, one.name))
  for (const path of files.toSorted()) hash.update(`\0${relative(folder, path)}\0`).update(await readFile(path))
  return hash.digest('hex').slice(0, 12)
}

const hints: Record<string, string> = {
  ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX:
    'Node runs TypeScript by leaving the types out: no enum, namespace or parameter properties. Use a union of literals, a module, or plain fields.',
  ERR_MODULE_NOT_FOUND: 'Imports of own files end in .ts; packages must be installed.',
  ERR_PACKAGE_PATH_NOT_EXPORTED: 'Of a package only that can be imported which its package.json names under `exports`. Look for a misspelt path.',
  DEFINITION_INVALID: 'Mend the definitions.',
}

const textOf = ({ file, line, column }: Place): string => `${file}:${String(line)}:${String(column)}`

const optionsOf = ({ code, hint }: MillraceError) => ({ code, ...(hint === undefined ? {} : { hint }) })

function explain(file: string, error: unknown): MillraceError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'DEFINITIONS_THREW'
  const place = placeOfError(dirname(file), error)
  if (error instanceof MillraceError)
    return place === undefined ? error : new MillraceError(`${error.message} (${textOf(place)})`, { ...optionsOf(error), cause: error })
  const at = place === undefined ? file : textOf(place)
  return new MillraceError(`${file} could not be loaded: ${error instanceof Error ? error.message : String(error)} (${at})`, {
    code,
    hint: hints[code] ?? 'Mend the file.',
    cause: error,
  })
}
