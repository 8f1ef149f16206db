/** Keys whose values are never logged, shown or stored in the clear. */
const secretKey =
  /^(.*[_-])?(password|passwd|passphrase|secret|token|authorization|cookie|api[_-]?key|access[_-]?key|private[_-]?key|credentials?|connection[_-]?string|database[_-]?url|redis[_-]?url)$/i
const camelSecret = /(Password|Secret|Token|ApiKey|AccessKey|PrivateKey|Credentials?|ConnectionString)$/
const urlPassword = /\b([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):[^\s@/]+@/gi
const bearer = /\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi

export const redacted = '[redacted]'

/** Whether the value under this key is a secret. */
export function isSecretKey(key: string): boolean {
  return secretKey.test(key) || camelSecret.test(key)
}

/** Text without passwords inside URLs and without bearer tokens. */
export function redactText(text: string): string {
  return text.replace(urlPassword, `$1:${redacted}@`).replace(bearer, `$1 ${redacted}`)
}

/** A copy without secrets: by key, and in text by form. Cycles are cut at depth 12. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value)
  if (value === null || typeof value !== 'object' || depth > 12) return value
  if (Array.isArray(value)) return value.map((one) => redact(one, depth + 1))
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, isSecretKey(key) ? redacted : redact(one, depth + 1)]))
}
