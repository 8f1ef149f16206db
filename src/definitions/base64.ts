const whole = /^(?:[A-Za-z0-9+/]{4})*$/
const last = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/

// A regular expression keeps a place to go back to for each group of four, and its stack ends at some ten million characters.
const slice = 1 << 20

/** Whether text is base64, with or without padding. */
export function isBase64(text: string): boolean {
  let at = 0
  for (; text.length - at > slice; at += slice) if (!whole.test(text.slice(at, at + slice))) return false
  return last.test(at === 0 ? text : text.slice(at))
}
