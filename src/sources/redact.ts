import { isSecretName, redacted, redactText } from '../redact.ts'

/** A URL for messages: without user and password, and without the values of query parameters that look secret. */
export function redactUrl(url: string | URL): string {
  const parsed = URL.parse(String(url))
  if (parsed === null) return redactAnswer(String(url).replace(/\/\/[^/@]*@/, '//'))
  parsed.username = ''
  parsed.password = ''
  parsed.hash = ''
  // Rewritten only where something is hidden, so that all else reads as it was sent.
  if ([...parsed.searchParams.keys()].some(isSecretName)) {
    for (const name of new Set(parsed.searchParams.keys())) if (isSecretName(name)) parsed.searchParams.set(name, redacted)
  }
  return parsed.href.replaceAll(encodeURIComponent(redacted), redacted)
}

/** The secrets that a request carries, and those known besides: what must not come back in the text of an error. */
export function secretsOf(url: URL, headers: Iterable<[string, string]>, form?: URLSearchParams, known: readonly string[] = []): string[] {
  const secrets = [url.password, decodedUrlPart(url.password), ...known]
  for (const [name, value] of [...url.searchParams, ...(form ?? [])]) if (isSecretName(name)) secrets.push(value)
  for (const [name, value] of headers) {
    if (isSecretName(name)) secrets.push(value, value.replace(/^\w+\s+/, ''))
  }
  return longSecrets(secrets)
}

/** Those that can be hidden in a text, as they are and as addresses write them, longest first: shorter ones would hide parts of ordinary words. */
function longSecrets(secrets: readonly string[]): string[] {
  const written = new Set(secrets.flatMap((secret) => [secret, encodeURIComponent(secret)]))
  return [...written].filter((secret) => secret.length >= 4).toSorted((a, b) => b.length - a.length)
}

/** Text from outside for messages: without known secrets, what `redactText` hides, and the values of fields and parameters with a secret's name. */
export function redactAnswer(text: string, known: readonly string[] = []): string {
  const unknown = known.reduce((rest, secret) => rest.replaceAll(secret, redacted), text)
  return redactText(unknown).replaceAll(
    /(["']?)([A-Za-z0-9_-]+)\1(\s*[:=]\s*)(["']?)([^"'\s,;&}]+)\4/g,
    (whole, quote: string, name: string, sign: string, valueQuote: string, value: string) =>
      isSecretName(name) && value.length >= 4 && value !== redacted ? `${quote}${name}${quote}${sign}${valueQuote}${redacted}${valueQuote}` : whole,
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
