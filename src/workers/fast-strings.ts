/**
 * Gives strings their speed back. A class that extends String, as one of ioredis does, makes V8 keep `String.prototype` as a
 * dictionary, and from then on no call of a string's method is compiled in: encoding rows takes twice as long. V8 undoes that when a
 * String object, and not a primitive, was asked for a property a few times.
 */
export function restoreFastStrings(): void {
  const codeOf = (text: { charCodeAt(index: number): number }): number => text.charCodeAt(0)
  for (let turn = 0; turn < 100; turn += 1) codeOf(Object('a') as { charCodeAt(index: number): number })
}
