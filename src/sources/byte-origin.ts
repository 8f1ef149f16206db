import { glob } from 'node:fs/promises'
import { matchesGlob, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ConfigError, SourceError } from '../errors.ts'
import { listS3 } from './open-s3.ts'
import { listSftp } from './open-sftp.ts'
import type { Connections } from './opened-file.ts'
import { redactUrl } from './redact.ts'

/**
 * Where bytes come from: one address (http, https, file, s3, sftp), one path on this machine, or several files, read in order as if they were one:
 * a pattern of paths (`exports/*.csv`), of keys (`s3://bucket/exports/*.csv`) or of a server's files (`sftp://user@host/exports/*.csv`), whose files are taken in the order of their names, or a list of
 * paths and addresses.
 */
export type ByteOrigin =
  | { readonly url: string | URL; readonly path?: never; readonly files?: never }
  | { readonly path: string; readonly url?: never; readonly files?: never }
  | { readonly files: string | readonly string[]; readonly url?: never; readonly path?: never }

/** One file, wherever it is. */
export interface FileOrigin {
  readonly kind: 'local' | 'http' | 's3' | 'sftp'
  /** A path where it is local, else an address. */
  readonly address: string
  /** How messages and positions name it: without credentials. */
  readonly name: string
}

const kinds: Readonly<Record<string, FileOrigin['kind']>> = { 'http:': 'http', 'https:': 'http', 's3:': 's3', 'sftp:': 'sftp' }

/**
 * The files of an origin, in the order in which they are read.
 * @throws ConfigError `SOURCE_URL_INVALID`; SourceError `SOURCE_NO_FILES` where a pattern matches none, and as listing them does
 */
export async function filesOf(origin: ByteOrigin, connections: Connections = {}): Promise<FileOrigin[]> {
  if (origin.url !== undefined) return [fileOf(String(origin.url))]
  if (origin.path !== undefined) return [fileAt(origin.path)]
  if (typeof origin.files !== 'string') return origin.files.map((file) => (isAddress(file) ? fileOf(file) : fileAt(file)))
  const found = await matching(origin.files, connections)
  if (found.length > 0) return found
  throw new SourceError(`No file matches ${redactUrl(origin.files)}`, {
    code: 'SOURCE_NO_FILES',
    hint: 'Check the pattern, and whether the files are there yet.',
  })
}

function isAddress(text: string): boolean {
  return /^[a-z][a-z0-9+.-]+:\/\//i.test(text)
}

async function matching(pattern: string, connections: Connections): Promise<FileOrigin[]> {
  if (!isAddress(pattern)) {
    const paths: string[] = []
    for await (const entry of glob(pattern, { withFileTypes: true })) if (!entry.isDirectory()) paths.push(resolve(entry.parentPath, entry.name))
    return paths.toSorted().map(fileAt)
  }
  const { kind, address } = fileOf(pattern)
  const beginning = /^[^*?[{]*/.exec(address)?.[0] ?? ''
  const list = { s3: listS3, sftp: listSftp, http: undefined, local: undefined }[kind]
  if (list === undefined || (kind === 'sftp' && !beginning.includes(address.slice(0, address.lastIndexOf('/') + 1)))) {
    throw new ConfigError(`${redactUrl(pattern)} is no pattern: what is there cannot be listed`, {
      code: 'SOURCE_URL_INVALID',
      hint: 'Patterns are for paths of this machine, keys of S3, and the last part of an SFTP path; else give a list of addresses as `files`.',
    })
  }
  const found = await list(beginning, connections)
  return found
    .filter((one) => matchesGlob(one, address))
    .toSorted()
    .map(fileOf)
}

function fileAt(path: string): FileOrigin {
  const address = resolve(path)
  return { kind: 'local', address, name: address }
}

function fileOf(address: string): FileOrigin {
  const protocol = URL.parse(address)?.protocol ?? ''
  if (protocol === 'file:') return fileAt(fileURLToPath(address))
  const kind = kinds[protocol]
  if (kind === 's3') return { kind, address, name: address }
  if (kind !== undefined) return { kind, address, name: redactUrl(address) }
  throw new ConfigError(`${JSON.stringify(redactUrl(address))} is no address that begins with http://, https://, s3://, sftp:// or file://`, {
    code: 'SOURCE_URL_INVALID',
    hint: 'Give the whole address, like https://example.com/data.csv; a path of this machine is given as `path`.',
  })
}
