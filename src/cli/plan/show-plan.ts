import { harmless } from '../argument.ts'
import { exitCode } from '../exit-code.ts'
import type { ExitCode } from '../exit-code.ts'
import { describeError } from '../report-error.ts'
import type { AssetPlan } from './plan-assets.ts'

const indented = (text: string): string => text.replaceAll('\n', '\n    ')

/** A plan as the command line prints it. */
export function describePlans(plans: readonly AssetPlan[]): string {
  const parts = plans.map(({ asset, table, exists, writes, ddl, limits, error }) => {
    const lines = [`${asset}  →  ${table}${exists || error !== undefined ? '' : ' (new)'}`, `  Rows: ${writes}.`]
    if (error !== undefined) lines.push(`  ${indented(describeError(error))}`)
    else if (ddl.length === 0) lines.push('  Nothing of the table would change.')
    for (const statement of ddl) lines.push(`    ${indented(statement)};`)
    for (const { name, discard } of limits)
      lines.push(`  The table stays without what is new of ${name}: ${discard === 'row' ? 'such records go to quarantine' : 'such values are left out'}.`)
    return `${harmless(lines.join('\n'))}\n`
  })
  return `${parts.join('\n')}\n${summaryOf(plans)}\n`
}

function summaryOf(plans: readonly AssetPlan[]): string {
  const { changes, refused } = countPlans(plans)
  return `Of ${String(plans.length)} assets ${String(changes)} would change their tables, and ${String(refused)} would be refused. Nothing was changed.`
}

/** How many plans have DDL, and how many would be refused. */
export function countPlans(plans: readonly AssetPlan[]): { readonly changes: number; readonly refused: number } {
  return { changes: plans.filter(({ ddl }) => ddl.length > 0).length, refused: plans.filter(({ error }) => error !== undefined).length }
}

/** What the command ends with: a refusal always counts, changes where it is asked for. */
export function exitCodeOf(plans: readonly AssetPlan[], countChanges: boolean): ExitCode {
  const { changes, refused } = countPlans(plans)
  if (refused > 0) return exitCode.failed
  return countChanges && changes > 0 ? exitCode.changes : exitCode.done
}
