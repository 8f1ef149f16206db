import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { installDebianPackage } from './debian-package.ts'

/** The package as its users have it; a later version is to be tried before it is written here. */
const packages = ['dagster-pipes==1.13.29']

const run = promisify(execFile)
const cache = fileURLToPath(new URL('../../.cache/tests-python', import.meta.url))

/** A Python with packages from PyPI, or the sentence for those who run without. */
export type PreparedPython = { readonly python: string } | { readonly missing: string }

/** A virtual environment with the packages, made once and kept in `.cache`. */
export async function preparePython(): Promise<PreparedPython> {
  const folder = join(cache, packages.join('-'))
  const python = join(folder, 'bin/python')
  if (await works(python)) return { python }
  if (!(await hasVenv()) && !(installDebianPackage('python3-venv', 'the tests of scripts in Python') && (await hasVenv()))) {
    return { missing: 'No Python with venv: the tests of scripts in Python are skipped. Install python3 and python3-venv to run them.' }
  }
  const beside = `${folder}.${String(process.pid)}`
  try {
    await mkdir(cache, { recursive: true })
    await rm(folder, { recursive: true, force: true })
    await run('python3', ['-m', 'venv', beside])
    await run(join(beside, 'bin/python'), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages])
    await rename(beside, folder)
  } catch (error) {
    await rm(beside, { recursive: true, force: true })
    const why = error instanceof Error ? (error.message.split('\n').findLast((line) => line.trim() !== '') ?? '') : String(error)
    return { missing: `${packages.join(' ')} could not be installed from PyPI: the tests of scripts in Python are skipped. ${why}` }
  }
  return { python }
}

async function works(python: string): Promise<boolean> {
  return existsSync(python) && succeeds(python, '-c', 'import dagster_pipes')
}

const hasVenv = (): Promise<boolean> => succeeds('python3', '-c', 'import venv, ensurepip')

function succeeds(command: string, ...args: string[]): Promise<boolean> {
  return run(command, args).then(
    () => true,
    () => false,
  )
}
