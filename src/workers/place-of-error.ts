import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { extname, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where in a user's file an error arose; line and column from 1. */
export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** Ours: what stands above the user's own call, and below. */
const own = ['..', '../../bin/'].map((folder) => fileURLToPath(new URL(folder, import.meta.url)))
const sources = ['.ts', '.mts', '.js', '.mjs']

/**
 * Where an error of loading definitions arose: the user's line that called what threw, that has a syntax error, or that imports what is not there.
 * @param folder of the definitions
 */
export function placeOfError(folder: string, error: unknown): Place | undefined {
  if (!(error instanceof Error)) return undefined
  const stack = declaredAt(error) ?? error.stack ?? ''
  return headPlace(stack) ?? importPlace(error) ?? framePlace(stack) ?? (error instanceof SyntaxError ? syntaxPlace(folder, error.message) : undefined)
}

/** Of an error about one definition, which was found later: where that was declared. */
function declaredAt(error: Error): string | undefined {
  const trace: unknown = 'declared' in error ? error.declared : undefined
  return typeof trace === 'object' && trace !== null && 'stack' in trace && typeof trace.stack === 'string' ? trace.stack : undefined
}

/** The first line of a stack that is neither Node's, nor ours, nor a package's: where in his code a user may look. */
export function framePlace(stack: string): Place | undefined {
  for (const line of stack.split('\n')) {
    // Bounded, as a stack may be any text that somebody threw.
    const [, url = '', row = '', column = ''] =
      /^\s{1,8}at (?:[^(]{0,300}\()?((?:file:\/\/)?(?:\/|[A-Za-z]:\\).{1,1000}?):(\d{1,9}):(\d{1,9})\)?$/.exec(line) ?? []
    if (url === '') continue
    const file = pathOf(url)
    if (!own.some((folder) => file.startsWith(folder)) && !file.includes(`${sep}node_modules${sep}`)) return { file, line: Number(row), column: Number(column) }
  }
  return undefined
}

/** Of a syntax error Node prints the place above the stack: file and line, the line itself, and marks under it. */
function headPlace(stack: string): Place | undefined {
  const [first = '', ...rest] = stack.split('\n')
  const [, url = '', line = ''] = /^((?:file:\/\/)?(?:\/|[A-Za-z]:\\).*):(\d+)$/.exec(first) ?? []
  if (url === '') return undefined
  const marks = rest.find((one) => /^\s*\^+\s*$/.test(one))
  return { file: pathOf(url), line: Number(line), column: (marks?.indexOf('^') ?? 0) + 1 }
}

/** Node's codes of imports that lead nowhere: a file or package that is not there, what a package does not export or import, a folder. */
const importCodes = ['ERR_MODULE_NOT_FOUND', 'ERR_PACKAGE_PATH_NOT_EXPORTED', 'ERR_PACKAGE_IMPORT_NOT_DEFINED', 'ERR_UNSUPPORTED_DIR_IMPORT']

/** The import of what could not be found. Node names it first in its message, in quotes, and the file that imports it last. */
function importPlace(error: Error): Place | undefined {
  if (!('code' in error && typeof error.code === 'string' && importCodes.includes(error.code))) return undefined
  const [, what = '', file = ''] = /^[^'"]*['"]([^'"]+)['"].* imported from (.+)$/.exec(error.message) ?? []
  if (file === '') return undefined
  // The message has the whole path, the import the end of it.
  const name = what.split(/[/\\]/).at(-1) ?? what
  const lines = readFileSync(pathOf(file), 'utf8').split('\n')
  const at = lines.findIndex((line) => /['"]/.test(line) && line.includes(name))
  return { file: pathOf(file), line: Math.max(at, 0) + 1, column: Math.max(lines[at]?.indexOf(name) ?? 0, 0) + 1 }
}

// V8 tells where a syntax error is only to whoever prints it uncaught.
const compile = `
  import { readFileSync } from 'node:fs'
  import { stripTypeScriptTypes } from 'node:module'
  import { SourceTextModule } from 'node:vm'
  const [message, ...files] = process.argv.slice(1)
  for (const file of files) {
    try {
      const text = readFileSync(file, 'utf8')
      new SourceTextModule(/ts$/.test(file) ? stripTypeScriptTypes(text) : text, { identifier: file })
    } catch (error) {
      if (error.message === message) throw error
    }
  }`
const mostFiles = 200

/** Looks for a syntax error that only V8 finds, in the files of the folder. Nothing of them runs. */
function syntaxPlace(folder: string, message: string): Place | undefined {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile() && sources.includes(extname(one.name)) && !one.parentPath.includes('node_modules'))
    .map((one) => join(one.parentPath, one.name))
  const flags = ['--no-warnings', '--experimental-vm-modules', '--input-type=module']
  const { stderr } = spawnSync(process.execPath, [...flags, '-e', compile, message, ...files.slice(0, mostFiles)], { encoding: 'utf8', timeout: 10_000 })
  return stderr.includes(message) ? headPlace(stderr) : undefined
}

function pathOf(url: string): string {
  if (!url.startsWith('file://')) return url
  try {
    return fileURLToPath(url)
  } catch {
    return url
  }
}
