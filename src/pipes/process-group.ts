import { setTimeout as delay } from 'node:timers/promises'

/** Sends a signal to all processes of a group; false where there is none left that could get it. */
function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-group, signal)
    return true
  } catch {
    return false
  }
}

/** Ends all processes of a group: by SIGTERM, and those that are there after the grace time by SIGKILL. */
export async function endGroup(group: number, graceMs: number): Promise<void> {
  if (!signalGroup(group, 'SIGTERM')) return
  const last = performance.now() + graceMs
  while (performance.now() < last) {
    if (!signalGroup(group, 0)) return
    await delay(20)
  }
  signalGroup(group, 'SIGKILL')
}
