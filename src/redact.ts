/** Keys whose values are never logged, shown or stored in the clear. */
const secretKey =
  /^(.*[_-])?(password|passwd|passphrase|secret|token|authorization|cookie|api[_-]?key|access[_-]?key|private[_-]?key|credentials?|connection[_-]?string|database[_-]?url|redis[_-]?url)$/i
const camelSecret = /(Password|Secret|Token|ApiKey|AccessKey|PrivateKey|Credentials?|ConnectionString)$/

export const redacted = '[redacted]'

/** What is a secret by its form, wherever it stands, and what is shown in its place. */
const secretForms: readonly (readonly [form: RegExp, shown: string])[] = [
  // A password in a URL.
  [/\b([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):[^\s@/]+@/gi, `$1:${redacted}@`],
  // Short ones only with a digit or sign, so that "Basic auth" stays readable.
  [/\b(bearer|basic)\s+(?:(?=\S*[\d_=])[A-Za-z0-9._~+/=-]{6,}|[A-Za-z0-9._~+/=-]{8,})/gi, `$1 ${redacted}`],
  // Keys of Tailscale, and JSON web tokens.
  [/\btskey-[A-Za-z0-9-]+/g, redacted],
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?/g, redacted],
]

/** Whether the value under this key is a secret. */
export function isSecretKey(key: string): boolean {
  return secretKey.test(key) || camelSecret.test(key)
}

/** Text without whatever has the form of a secret. */
export function redactText(text: string): string {
  return secretForms.reduce((rest, [form, shown]) => rest.replace(form, shown), text)
}

/** A copy without secrets: by key, and in text by form. Cycles are cut at depth 12. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value)
  if (value === null || typeof value !== 'object' || depth > 12) return value
  if (Array.isArray(value)) return value.map((one) => redact(one, depth + 1))
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, isSecretKey(key) ? redacted : redact(one, depth + 1)]))
}
