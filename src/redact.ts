/** Keys whose values are never logged, shown or stored in the clear. */
const secretKey =
  /^(.*[_-])?(password|passwd|passphrase|secret|token|authorization|cookie|api[_-]?key|access[_-]?key|private[_-]?key|credentials?|connection[_-]?string|database[_-]?url|redis[_-]?url)$/i
const camelSecret = /(Password|Secret|Token|ApiKey|AccessKey|PrivateKey|Credentials?|ConnectionString)$/

export const redacted = '[redacted]'

/** What is a secret by its form, wherever it stands, and what is shown in its place. */
const secretForms: readonly (readonly [form: RegExp, shown: string])[] = [
  // A password in a URL. Its scheme is short: looked for without a bound, it took 0.8 s in 40,000 characters of `a.a.a.`.
  [/\b([a-z][a-z0-9+.-]{0,40}:\/\/[^\s:/@]*):[^\s@/]+@/gi, `$1:${redacted}@`],
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

/** Headers, query parameters and fields of answers that carry secrets besides those of `isSecretKey`: here a `key` or a `code` is one. */
const secretName = /^(?:.*[_-])?(?:key|pwd|signature|sig|auth|code|session)$/i

/** Whether a header, a query parameter or a field of an answer is a secret by its name. `accessToken` and `access_token` are one name. */
export function isSecretName(name: string): boolean {
  const parted = name.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
  return isSecretKey(parted) || secretName.test(parted)
}

/** `name=value`, and `"name": "value"` as JSON has it. */
const namedValues = [/(\b)([\w-]{1,64})(\s?=\s?)[^\s&#"'<>,;]+/g, /(")([\w-]{1,64})("\s*:\s*")[^"]+/g] as const

/** Text without whatever has the form of a secret, and without values and query parameters of URLs that have a secret's name. */
export function redactText(text: string): string {
  const unformed = secretForms.reduce((rest, [form, shown]) => rest.replace(form, shown), text)
  return namedValues
    .reduce(
      (rest, form) =>
        rest.replaceAll(form, (whole, before: string, name: string, between: string) => (isSecretKey(name) ? `${before}${name}${between}${redacted}` : whole)),
      unformed,
    )
    .replaceAll(/([?&])([\w.~%-]+)=([^\s&#"'<>]+)/g, (whole, sign: string, name: string) => (isSecretName(name) ? `${sign}${name}=${redacted}` : whole))
}

/** A copy without secrets: by key, and in text by form. What lies deeper than 12 levels, as in a cycle, is hidden whole. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value)
  if (value === null || typeof value !== 'object') return value
  if (depth > 12) return redacted
  if (Array.isArray(value)) return value.map((one) => redact(one, depth + 1))
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, isSecretKey(key) ? redacted : redact(one, depth + 1)]))
}
