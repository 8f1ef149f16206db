import { glob } from 'node:fs/promises'
import { isAbsolute, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { ConfigError, SourceError } from '../errors.ts'
import { redactUrl } from './redact.ts'

/**
 * Where bytes come from: one address (http, https, file), one path on this machine, or several files, read in order as if they were one:
 * a pattern of paths (`exports/*.csv`), whose files are taken in the order of their names, or a list of paths and addresses.
 */
export type ByteOrigin =
  | { readonly url: string | URL; readonly path?: never; readonly files?: never }
  | { readonly path: string; readonly url?: never; readonly files?: never }
  | { readonly files: string | readonly string[]; readonly url?: never; readonly path?: never }

/** One file, wherever it is. */
export interface FileOrigin {
  readonly url: URL
  /** How messages and positions name it: without credentials. */
  readonly name: string
}

const protocols = ['http:', 'https:', 'file:']

/**
 * The files of an origin, in the order in which they are read.
 * @throws ConfigError `SOURCE_URL_INVALID`; SourceError `SOURCE_NO_FILES` where a pattern matches none
 */
export async function filesOf(origin: ByteOrigin): Promise<FileOrigin[]> {
  if (origin.url !== undefined) return [fileOf(String(origin.url))]
  if (origin.path !== undefined) return [fileAt(origin.path)]
  if (typeof origin.files !== 'string') return origin.files.map((file) => (/^[a-z][a-z0-9+.-]+:\/\//i.test(file) ? fileOf(file) : fileAt(file)))
  const found = await matching(origin.files)
  if (found.length > 0) return found
  throw new SourceError(`No file matches ${origin.files}`, { code: 'SOURCE_NO_FILES', hint: 'Check the pattern, and whether the files are there yet.' })
}

async function matching(pattern: string): Promise<FileOrigin[]> {
  const paths: string[] = []
  for await (const entry of glob(pattern, { withFileTypes: true })) if (!entry.isDirectory()) paths.push(resolve(entry.parentPath, entry.name))
  return paths.toSorted().map(fileAt)
}

function fileAt(path: string): FileOrigin {
  return { url: pathToFileURL(path), name: isAbsolute(path) ? path : resolve(path) }
}

function fileOf(address: string): FileOrigin {
  const url = URL.parse(address)
  if (url !== null && protocols.includes(url.protocol)) return { url, name: url.protocol === 'file:' ? fileURLToPath(url) : redactUrl(url) }
  throw new ConfigError(`${JSON.stringify(redactUrl(address))} is no address that begins with http://, https:// or file://`, {
    code: 'SOURCE_URL_INVALID',
    hint: 'Give the whole address, like https://example.com/data.csv; a path of this machine is given as `path`.',
  })
}
