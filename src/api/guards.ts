import { isIP } from 'node:net'
import type { RequestHandler } from 'express'
import { HttpError } from './problem.ts'

/** Whether an address is this machine only. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
}

/**
 * Refuses requests under a name that is not known to be ours: a page elsewhere whose name was made to point at this machine (DNS
 * rebinding) would otherwise be of the same origin. That takes a name, so addresses pass. `names` are those that the board is
 * served under.
 */
export function hostGuard(names: readonly string[]): RequestHandler {
  // As a browser writes them: lower case, punycode.
  const known = new Set(['localhost', ...names].map(hostnameOf))
  return (request, _response, next) => {
    const name = hostnameOf(request.headers.host)
    if (name !== undefined && (isIP(name.replaceAll(/^\[|\]$/g, '')) !== 0 || known.has(name))) {
      next()
      return
    }
    next(
      new HttpError(403, 'HOST_NOT_ALLOWED', `This board does not answer to the name ${JSON.stringify(name ?? '')}.`, {
        hint: 'Open it as http://localhost or by its IP address. If the name is its own, add it to MILLRACE_HOSTS.',
      }),
    )
  }
}

function hostnameOf(header: string | undefined): string | undefined {
  return header === undefined ? undefined : URL.parse(`http://${header}`)?.hostname
}

const reading = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Keeps other sites' pages from changing anything: a request that changes state comes from our own origin, or from a program
 * (no Origin, no Sec-Fetch-Site), and its body is JSON, which no plain form of another site can send; `forms` lists the
 * paths that take our own forms.
 */
export function changeGuard(forms: RegExp): RequestHandler {
  return (request, _response, next) => {
    if (reading.has(request.method)) {
      next()
      return
    }
    const { origin, host } = request.headers
    const ours = origin === undefined ? request.headers['sec-fetch-site'] === undefined : URL.parse(origin)?.host === host
    if (!ours) {
      next(
        new HttpError(403, 'CROSS_ORIGIN', 'A page of another site may not change anything here.', {
          hint: 'Send the request from the board itself, or from a program without an Origin header.',
        }),
      )
      return
    }
    const hasBody = request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0
    const json = request.is('application/json') !== false
    const form = request.is('application/x-www-form-urlencoded') !== false && forms.test(request.path)
    next(
      !hasBody || json || form
        ? undefined
        : new HttpError(415, 'CONTENT_TYPE', `The body must be application/json, not ${JSON.stringify(request.headers['content-type'] ?? '')}.`, {
            hint: 'Send the header content-type: application/json.',
          }),
    )
  }
}
