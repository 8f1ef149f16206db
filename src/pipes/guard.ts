import { spawn } from 'node:child_process'

/** The variable of a script's environment that says whose it is: its private folder, which no two have. */
const mark = 'MILLRACE_PROCESS'

/**
 * Waits until its stdin says that all is over. Where it is closed without a word, the worker is dead: the script's group is ended and its folder removed.
 * A worker may die when its script began and it has not said so: what bears the script's mark is looked for then, for long enough that it is no copy of the
 * worker any more. Only Linux shows the environment of others.
 * `kill -s`, because dash takes no `--` after `kill -TERM`.
 */
const program = `
if ! read -r group; then
  tries=3
  while [ -z "$group" ] && [ "$tries" -gt 0 ]; do
    sleep 1; tries=$((tries - 1))
    found=$(grep -lsF -- "${mark}=$2" /proc/[0-9]*/environ | sort -t / -k 3 -n | head -n 1)
    [ -z "$found" ] || group=$(sed 's/.*) [A-Za-z] [0-9]* \\([0-9]*\\) .*/\\1/' "\${found%environ}stat" 2>/dev/null)
  done
  [ -n "$group" ] || { rm -rf -- "$2"; exit 0; }
fi
read -r over && exit 0
kill -s TERM -- "-$group" 2>/dev/null
left=$1
while [ "$left" -gt 0 ] && kill -s 0 -- "-$group" 2>/dev/null; do sleep 1; left=$((left - 1)); done
kill -s KILL -- "-$group" 2>/dev/null
rm -rf -- "$2"
`

/** A small process that outlives a killed worker just long enough to end its script. */
export interface Guard {
  /** To be in the script's environment: by it the script is found where the worker died before `watch`. */
  readonly env: Readonly<Record<string, string>>
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
    env: { [mark]: folder },
    watch: (group) => void guard.stdin.write(`${String(group)}\n`),
    async dismiss() {
      guard.stdin.end('over\nover\n')
      await gone
    },
  }
}
