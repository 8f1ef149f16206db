import type { Json, JsonObject } from '../definitions/json.ts'
import { SourceError } from '../errors.ts'
import { redactUrl } from './redact.ts'

/**
 * The address of a child: a template with fields of its parent in braces, or a function of the parent. Relative to its parent's list.
 * @throws SourceError `SOURCE_CHILD_URL` where a field is missing or would lead elsewhere, or the address is on another server
 */
export function childAddress(url: string | ((parent: JsonObject) => string | URL), parent: JsonObject, list: URL): URL {
  const base = new URL(list)
  base.search = ''
  if (typeof url === 'function') return sameServer(url(parent), base, base.origin)
  const filled = url.replaceAll(/\{([^{}]+)\}/g, (_, field: string) => filledIn(field, parent))
  // A field may choose what is asked for, not whom.
  return sameServer(filled, base, URL.parse(url.replaceAll(/\{[^{}]+\}/g, '0'), base.href)?.origin)
}

function filledIn(field: string, parent: JsonObject): string {
  const value = field.split('.').reduce<Json | undefined>((at, name) => fieldOf(at, name), parent)
  const text = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : ''
  if (text !== '' && text !== '.' && text !== '..') return encodeURIComponent(text)
  throw new SourceError(`A parent’s field ${field} is ${JSON.stringify(value) ?? 'not there'}, which no child’s address can be made of`, {
    code: 'SOURCE_CHILD_URL',
    retryable: false,
    hint: 'See what the records of the parent list have; filter by its query, or give `url` as a function.',
  })
}

function fieldOf(value: Json | undefined, name: string): Json | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, name)) return undefined
  return (value as JsonObject)[name]
}

function sameServer(address: string | URL, base: URL, origin: string | undefined): URL {
  const url = URL.parse(String(address), base.href)
  if (url !== null && url.origin === origin) {
    if (url.origin === base.origin) {
      url.username = base.username
      url.password = base.password
    }
    return url
  }
  throw new SourceError(`A child’s address is ${redactUrl(url ?? address)}, which is ${url === null ? 'none' : 'on another server'}`, {
    code: 'SOURCE_CHILD_URL',
    retryable: false,
    // Credentials would go there as well.
    hint: 'Let it begin with the server’s own address, and a parent’s fields come behind that.',
  })
}
