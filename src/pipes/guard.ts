import { spawn } from 'node:child_process'

/**
 * Waits until its stdin says that all is over. Where it is closed without a word, the worker is dead: the script's group is ended and its folder removed.
 * `kill -s`, because dash takes no `--` after `kill -TERM`.
 */
const program = `
read -r group || { rm -rf -- "$2"; exit 0; }
read -r over && exit 0
kill -s TERM -- "-$group" 2>/dev/null
left=$1
while [ "$left" -gt 0 ] && kill -s 0 -- "-$group" 2>/dev/null; do sleep 1; left=$((left - 1)); done
kill -s KILL -- "-$group" 2>/dev/null
rm -rf -- "$2"
`

/** A small process that outlives a killed worker just long enough to end its script. */
export interface Guard {
  /** Says which group to end. */
  readonly watch: (group: number) => void
  /** Resolves when it is gone. */
  readonly dismiss: () => Promise<void>
}

interface GuardOptions {
  readonly graceMs: number
  /** Removed when the worker is dead. */
  readonly folder: string
  /** Told where no guard could be started: a machine without /bin/sh. */
  readonly onMissing: (error: Error) => void
}

/** Starts a guard, in a session of its own, so that what ends the worker's does not end it. It is started before the script, so that no script is without one. */
export function startGuard({ graceMs, folder, onMissing }: GuardOptions): Guard {
  const guard = spawn('/bin/sh', ['-c', program, 'millrace-guard', String(Math.ceil(graceMs / 1000)), folder], {
    cwd: '/',
    env: { PATH: process.env['PATH'] },
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  const gone = new Promise<void>((resolve) => {
    guard.once('exit', () => resolve())
    guard.once('error', (error) => {
      onMissing(error)
      resolve()
    })
  })
  // One that somebody killed cannot be written to; that is no reason to fail.
  guard.stdin.on('error', () => undefined)
  return {
    watch: (group) => void guard.stdin.write(`${String(group)}\n`),
    async dismiss() {
      guard.stdin.end('over\nover\n')
      await gone
    },
  }
}
