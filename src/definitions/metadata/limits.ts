/** The longest text of a metadata value, in UTF-16 units: it is a row's worth to read, and stands in every event of its materialization. */
export const mostText = 20_000
/** The most rows and columns of a table that is shown with a materialization. */
export const mostRows = 100
export const mostColumns = 50
/** The longest text of a cell. */
export const mostCell = 500
/** The most columns of a schema, or of a lineage. */
export const mostDescribed = 1000
/** The most entries of metadata, and the longest name of one. */
export const mostEntries = 100
export const mostName = 200

/** The beginning of a text that is too long, with how long it was; never half of a character. */
export function cutText(value: string): { value: string; cutFrom?: number } {
  // What is no text is refused with what else it cannot be.
  return typeof value !== 'string' || value.length <= mostText ? { value } : { value: beginning(value, mostText), cutFrom: value.length }
}

/** At most so many units of a text, and no half of a character. */
export function beginning(text: string, most: number): string {
  const cut = text.slice(0, most)
  return cut.isWellFormed() || !text.isWellFormed() ? cut : cut.slice(0, -1)
}
