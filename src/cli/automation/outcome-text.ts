import type { JudgedPartition, Outcome } from '../../api/automation.ts'
import { harmless } from '../argument.ts'

/** What a condition was found to be, a line for each of its parts. */
export function outcomeText(judged: readonly JudgedPartition[]): string {
  return judged
    .map((one) => {
      const heading = one.partition === null ? '' : `  ${harmless(one.partition)}${one.requested ? ' (asked for)' : ''}\n`
      const held = one.held === null ? '' : `  held: ${harmless(one.held)}\n`
      return `${heading}${held}${linesOf(one.outcome, 1)}`
    })
    .join('')
}

function linesOf({ name, value, why, of = [] }: Outcome, depth: number): string {
  const said = why === undefined ? '' : `  ${harmless(why)}`
  return `${'  '.repeat(depth)}${value ? '✓' : '✗'} ${harmless(name)}${said}\n${of.map((one) => linesOf(one, depth + 1)).join('')}`
}
