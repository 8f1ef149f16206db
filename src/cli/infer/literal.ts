/** A text as TypeScript writes it. */
export function literal(text: string): string {
  return /^[^'\\\p{Cc}\u2028\u2029]*$/u.test(text) && text.isWellFormed()
    ? `'${text}'`
    : JSON.stringify(text).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')
}

/** The name of a field in an object. */
export function property(name: string): string {
  return /^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u.test(name) ? name : literal(name)
}

/** Texts as an array. */
export function list(texts: readonly string[]): string {
  return enclose('[', texts.map(literal), ']')
}

/** Characters of a line that many items are broken into. */
const lineLength = 120

/** Items between brackets: on one line, or where that gets long, on several that are indented for a property of a property. */
export function enclose(open: string, items: readonly string[], close: string, indent = '      '): string {
  const space = open === '{' && items.length > 0 ? ' ' : ''
  const line = `${open}${space}${items.join(', ')}${space}${close}`
  if (line.length <= lineLength - 20) return line
  const lines: string[] = []
  for (const item of items) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + item.length + 2 <= lineLength) lines[lines.length - 1] = `${last} ${item},`
    else lines.push(`${indent}  ${item},`)
  }
  return `${open}\n${lines.join('\n')}\n${indent}${close}`
}
