/** The fields of one tuple of binary COPY, as offsets into its bytes; the length is -1 for NULL. */
export function fieldsOf(tuple: Buffer): { readonly at: number; readonly length: number }[] {
  const fields: { at: number; length: number }[] = []
  const count = tuple.readUInt16BE(0)
  let at = 2
  for (let index = 0; index < count; index += 1) {
    const length = tuple.readInt32BE(at)
    at += 4
    fields.push({ at, length })
    if (length > 0) at += length
  }
  return fields
}
