import { readdirSync, readlinkSync } from 'node:fs'

/** How often this process has a file open. */
export function handlesOf(path: string): number {
  return readdirSync('/proc/self/fd').filter((handle) => {
    try {
      return readlinkSync(`/proc/self/fd/${handle}`) === path
    } catch {
      return false
    }
  }).length
}
