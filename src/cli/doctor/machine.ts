import { existsSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Config } from '../../config.ts'
import { bytes } from '../../ui/format.ts'
import { reasonOf } from '../../postgres.ts'
import { fault, ok, warning } from './finding.ts'
import type { Finding } from './finding.ts'
import { examineSpool } from './spool.ts'

/** Below these many bytes free: batches of a few runs fit no more; soon they will not. */
const tooLittle = 256 * 1024 * 1024
const scarce = 2 * 1024 * 1024 * 1024

/** Node.js, the disk of home, and the spool or its disk. */
export async function examineMachine({ home, spool }: Config): Promise<Finding[]> {
  const [ofHome, ofSpool] = await Promise.all([
    diskSpace('home', home, 'MILLRACE_HOME'),
    spool.kind === 'files' ? diskSpace('spool', spool.folder, 'MILLRACE_SPOOL').then((one) => [one]) : examineSpool(spool),
  ])
  return [nodeVersion(process.versions.node), ofHome, ...ofSpool]
}

export function nodeVersion(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > 24 || (major === 24 && minor >= 12)) return ok('node', `Node.js ${version}`)
  return fault('node', `Node.js ${version} is too old`, 'Install Node.js 24.12 or newer.')
}

async function diskSpace(check: string, folder: string, variable: string): Promise<Finding> {
  let existing = folder
  while (!existsSync(existing) && existing !== dirname(existing)) existing = dirname(existing)
  try {
    const { bavail, bsize } = await statfs(existing)
    return spaceFinding(check, folder, bavail * bsize, variable)
  } catch (error) {
    return fault(check, `${folder} cannot be looked at: ${reasonOf(error)}`, `Make it readable, or set ${variable}.`)
  }
}

/** @param free in bytes */
export function spaceFinding(check: string, folder: string, free: number, variable: string): Finding {
  const message = `${bytes(free)} free at ${folder}`
  const fix = `Make room, or point ${variable} to another disk.`
  return free < tooLittle ? fault(check, message, fix) : free < scarce ? warning(check, message, fix) : ok(check, message)
}
