const hidden = '[redacted]'

/** Names of headers, query parameters and JSON fields whose values are secrets. */
const secretName =
  /^(?:.*[_-])?(?:authorization|api-?key|apikey|key|token|secret|password|passwd|pwd|signature|sig|credential|credentials|auth|code|cookie|session)$/i

/** `accessToken` and `access_token` are one name. */
function isSecretName(name: string): boolean {
  return secretName.test(name.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2'))
}

/** A URL for messages: without user and password, and without the values of query parameters that look secret. */
export function redactUrl(url: string | URL): string {
  const parsed = URL.parse(String(url))
  if (parsed === null) return redactText(String(url).replace(/\/\/[^/@]*@/, '//'))
  parsed.username = ''
  parsed.password = ''
  parsed.hash = ''
  // Rewritten only where something is hidden, so that all else reads as it was sent.
  if ([...parsed.searchParams.keys()].some(isSecretName)) {
    for (const name of new Set(parsed.searchParams.keys())) if (isSecretName(name)) parsed.searchParams.set(name, hidden)
  }
  return parsed.href.replaceAll(encodeURIComponent(hidden), hidden)
}

/** The secrets that a request carries: what must not come back in the text of an error. */
export function secretsOf(url: URL, headers: Headers, form?: URLSearchParams): string[] {
  const secrets = [url.password, decodedUrlPart(url.password)]
  for (const [name, value] of [...url.searchParams, ...(form ?? [])]) if (isSecretName(name)) secrets.push(value)
  for (const [name, value] of headers) {
    if (isSecretName(name)) secrets.push(value, value.replace(/^\w+\s+/, ''))
  }
  // Shorter ones would hide parts of ordinary words.
  return secrets.filter((secret) => secret.length >= 4).toSorted((a, b) => b.length - a.length)
}

/** Text from outside for messages: known secrets and whatever looks like a token are hidden. */
export function redactText(text: string, secrets: readonly string[] = []): string {
  let shown = text
  for (const secret of secrets) shown = shown.replaceAll(secret, hidden)
  return shown
    .replaceAll(/\b(Bearer|Basic)\s+(?=\S*[\d_=])[A-Za-z0-9._~+/=-]{6,}/gi, `$1 ${hidden}`)
    .replaceAll(/\btskey-[A-Za-z0-9-]+/g, hidden)
    .replaceAll(/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?/g, hidden)
    .replaceAll(
      /(["']?)([A-Za-z0-9_-]+)\1(\s*[:=]\s*)(["']?)([^"'\s,;&}]+)\4/g,
      (whole, quote: string, name: string, sign: string, valueQuote: string, value: string) =>
        isSecretName(name) && value.length >= 4 && value !== hidden ? `${quote}${name}${quote}${sign}${valueQuote}${hidden}${valueQuote}` : whole,
    )
}

/** A part of a URL without its percent signs; as it is where they make no sense. */
export function decodedUrlPart(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
