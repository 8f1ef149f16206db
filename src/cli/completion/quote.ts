/** A word as a POSIX shell reads it literally. */
export const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

/** A word as fish reads it literally. */
export const fishQuoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", `\\'`)}'`
