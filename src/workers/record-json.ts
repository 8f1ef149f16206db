/**
 * A record that was read from JSON, as the JSON that reads the same: `JSON.stringify` ends with its stack at some thousand levels, makes null of
 * a number too large for a double, and 0 of -0.
 */
export function recordJson(record: unknown): string {
  try {
    if (isExact(record)) return JSON.stringify(record)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
  return writeByHand(record)
}

/** Whether `JSON.stringify` writes all that a value holds. Throws a RangeError where it nests too deep. */
function isExact(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0)
  if (typeof value !== 'object' || value === null) return true
  for (const one of Object.values(value)) if (!isExact(one)) return false
  return true
}

function scalarJson(value: unknown): string {
  if (Object.is(value, -0)) return '-0'
  // Reads as what it was: an infinity.
  if (typeof value === 'number' && !Number.isFinite(value)) return value > 0 ? '1e400' : '-1e400'
  return JSON.stringify(value)
}

function writeByHand(record: unknown): string {
  let written = ''
  // What is still to be written, the last first: text as it is, anything else as a value in a list of one.
  const left: (string | readonly [unknown])[] = [[record]]
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (typeof next === 'string') {
      written += next
      continue
    }
    const [value] = next
    if (typeof value !== 'object' || value === null) {
      written += scalarJson(value)
    } else if (Array.isArray(value)) {
      written += '['
      left.push(']')
      for (let index = value.length - 1; index >= 0; index -= 1) left.push([value[index]], ...(index === 0 ? [] : [',']))
    } else {
      written += '{'
      left.push('}')
      const fields = Object.entries(value)
      for (let index = fields.length - 1; index >= 0; index -= 1) {
        const [key = '', one] = fields[index] ?? []
        left.push([one], `${index === 0 ? '' : ','}${JSON.stringify(key)}:`)
      }
    }
  }
  return written
}
