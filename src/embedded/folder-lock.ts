import { randomUUID } from 'node:crypto'
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigError } from '../errors.ts'
import { isAlive, processStart } from './process-identity.ts'

export interface FolderLock {
  readonly release: () => void
}

/**
 * Makes this process the only one that keeps a server in the folder. A lock whose holder is gone is taken over.
 * @throws ConfigError `ALREADY_RUNNING` while its holder lives
 */
export function lockFolder(folder: string): FolderLock {
  const path = lockPath(folder)
  const mine = JSON.stringify({ pid: process.pid, start: processStart(process.pid) })
  for (;;) {
    try {
      writeFileSync(path, mine, { flag: 'wx' })
      return { release: () => readOrNull(path) === mine && rmSync(path, { force: true }) }
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    }
    const found = readOrNull(path)
    if (found === null) continue // released in between
    refuseLiving(folder, livingHolder(found))
    // Renamed before it is removed, so that of two that find it stale only one removes it, and never the other's new lock.
    const stale = `${path}.${randomUUID()}`
    try {
      renameSync(path, stale)
    } catch {
      continue
    }
    const moved = readOrNull(stale)
    if (moved !== found && moved !== null) renameSync(stale, path)
    else rmSync(stale, { force: true })
  }
}

/**
 * Looks whether somebody keeps a server in the folder, so that one can say so before anything is started.
 * @throws ConfigError `ALREADY_RUNNING`
 */
export function assertFolderFree(folder: string): void {
  const found = readOrNull(lockPath(folder))
  if (found !== null) refuseLiving(folder, livingHolder(found))
}

const lockPath = (folder: string): string => join(folder, 'millrace.lock')

function refuseLiving(folder: string, holder: number | null): void {
  if (holder === null) return
  throw new ConfigError(`Millrace is already running in ${folder} (process ${holder}).`, {
    code: 'ALREADY_RUNNING',
    hint: `Use the running one, stop it with 'kill ${holder}', or start this one in another folder.`,
  })
}

function livingHolder(text: string): number | null {
  try {
    const { pid, start } = JSON.parse(text)
    if (typeof pid !== 'number' || !isAlive(pid)) return null
    return typeof start === 'string' && start !== '' && start !== processStart(pid) ? null : pid
  } catch {
    return null // written half when the machine went down
  }
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}
