import { Command } from '@commander-js/extra-typings'
import { storedError } from '../../errors.ts'
import { redactText } from '../../redact.ts'
import { harmless } from '../argument.ts'
import { examine } from '../doctor/examine.ts'
import { fault } from '../doctor/finding.ts'
import type { Finding, Level } from '../doctor/finding.ts'
import { readEnvironment } from '../environment.ts'
import { exitCode } from '../exit-code.ts'

const marks: Readonly<Record<Level, string>> = { ok: '✓', warning: '!', fault: '✗' }

export function doctorCommand() {
  return new Command('doctor')
    .description('Look at the whole installation and say what is wrong and how to mend it.')
    .option('--json', 'print an array of objects: check, level (ok, warning, fault), message, fix')
    .addHelpText('after', '\n✓ is well · ! works, but look at it · ✗ does not work. Exit code 1 when there is a ✗.')
    .action(async ({ json }) => {
      const findings = await diagnose()
      process.stdout.write(redactText(json === true ? `${JSON.stringify(findings, null, 2)}\n` : describe(findings)))
      if (findings.some((finding) => finding.level === 'fault')) process.exitCode = exitCode.failed
    })
}

async function diagnose(): Promise<Finding[]> {
  try {
    return await examine(readEnvironment().config)
  } catch (error) {
    const { message, hint } = storedError(error)
    return [fault('settings', message, hint ?? 'Mend them in the environment or in .env.')]
  }
}

function describe(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map((finding) => finding.check.length))
  const lines = findings.map(({ check, level, message, fix }) => {
    const line = `${marks[level]} ${check.padEnd(width)}  ${harmless(message)}\n`
    return fix === undefined ? line : `${line}  ${' '.repeat(width)}  → ${harmless(fix)}\n`
  })
  const faults = findings.filter((finding) => finding.level === 'fault').length
  const summary = faults === 0 ? 'Nothing is broken.' : faults === 1 ? '1 thing does not work.' : `${String(faults)} things do not work.`
  return `${lines.join('')}\n${summary}\n`
}
