import { redact } from '../redact.ts'
import { harmless } from './argument.ts'

/** The fields of a logged line as they stand behind its message: ` rows=3 file="a b.csv"`; empty where it has none. */
export function logFields(fields: unknown): string {
  if (typeof fields !== 'object' || fields === null) return ''
  // As JSON has them: what it leaves out is not shown.
  const plain = JSON.parse(JSON.stringify(redact(fields))) as Record<string, unknown>
  return harmless(
    Object.entries(plain)
      .map(([name, value]) => ` ${name}=${typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)}`)
      .join(''),
  )
}
