import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Outcome } from './cells.ts'

/** One line of the table: what was struck, where, how, and what came of it. */
export interface Line {
  readonly what: string
  readonly backend: string
  readonly fault: string
  readonly outcome: Outcome | Error
}

const path = fileURLToPath(new URL('../../bench/results/chaos.md', import.meta.url))

/** The outcomes as a Markdown table. */
function tableOf(lines: readonly Line[]): string {
  const failed = lines.filter((one) => one.outcome instanceof Error).length
  const rows = lines.map(({ what, backend, fault, outcome }) => {
    const cells =
      outcome instanceof Error
        ? ['FAILED', '', outcome.message.split('\n')[0] ?? '']
        : ['exact', outcome.seconds.toFixed(1), outcome.resumedAfter?.toFixed(1) ?? '']
    return `| ${[what, backend, fault, ...cells].join(' | ')} |`
  })
  return [
    '| point | backend | fault | outcome | seconds to the end of the run | seconds until the work was claimed anew |',
    '| --- | --- | --- | --- | ---: | ---: |',
    ...rows,
    '',
    `${String(lines.length)} cells, ${String(lines.length - failed)} exact, ${String(failed)} failed.`,
    '',
  ].join('\n')
}

/** Prints the table and leaves it where benchmarks leave theirs. */
export async function publishTable(lines: readonly Line[]): Promise<void> {
  const text = tableOf(lines)
  process.stdout.write(`\n${text}\n`)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text)
}
