import { Headers } from 'undici'
import type { HttpLimits } from './http-limits.ts'
import { redirectRefused } from './http-refusal.ts'
import type { HttpRefusal } from './http-refusal.ts'
import { isPrivateHost } from './private-address.ts'

/** Where a redirect leads; undefined where the answer is none. @throws HttpRefusal where that is no address of http or https */
export function redirectTarget(url: URL, status: number, headers: Headers): URL | undefined {
  const location = headers.get('location')
  if (location === null || ![301, 302, 303, 307, 308].includes(status)) return undefined
  const target = URL.parse(location, url.href)
  if (target === null || !['http:', 'https:'].includes(target.protocol)) {
    throw redirectRefused('to what is no address of http or https', 'Ask for the address where the data is.')
  }
  target.username = ''
  target.password = ''
  return target
}

/** What another server may know of a request. All else may be a credential, whatever its name. */
const openHeaders = /^(?:accept(?:-.*)?|content-type|if-.*|range|user-agent)$/

/** The request for a redirect's target (RFC 9110, 15.4): what was posted is not posted again, and credentials stay with the server they are for. */
export function redirected<T extends { method: string; headers: Headers; body: string | null }>(sent: T, status: number, sameOrigin: boolean): T {
  const headers = new Headers(sent.headers)
  if (!sameOrigin) for (const name of [...headers.keys()].filter((one) => !openHeaders.test(one))) headers.delete(name)
  const becomesGet = status === 303 ? sent.method !== 'HEAD' : status < 303 && sent.method === 'POST'
  if (!becomesGet) return { ...sent, headers }
  headers.delete('content-type')
  return { ...sent, method: 'GET', headers, body: null }
}

export interface RedirectStep {
  /** Where the first request went. */
  readonly first: URL
  /** Where the redirect came from. */
  readonly from: URL
  readonly target: URL
  /** What would be sent there. */
  readonly body: string | null
  readonly privateRedirects: HttpLimits['privateRedirects']
}

/** Whether a redirect is refused; and if not, whether from now on only public addresses may be connected to. */
export async function refusalOf({ first, from, target, body, privateRedirects }: RedirectStep): Promise<{ error?: HttpRefusal; publicOnly: boolean }> {
  if (body !== null && target.origin !== from.origin) {
    const error = redirectRefused('to another server with what was posted', 'It may hold credentials. Ask for the address where the data is.')
    return { error, publicOnly: false }
  }
  if (target.hostname === from.hostname || privateRedirects === 'follow') return { publicOnly: false }
  if (privateRedirects === 'as-first' && (await isPrivateHost(first.hostname))) return { publicOnly: false }
  if (!(await isPrivateHost(target.hostname))) return { publicOnly: true }
  const hint = "A server outside should not send us into our own network. If this one may, say privateRedirects: 'follow'."
  return { error: redirectRefused('to a private address', hint), publicOnly: true }
}
