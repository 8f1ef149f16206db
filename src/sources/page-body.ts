import type { RawPage } from '../definitions/page.ts'

/** A page's body in one piece. */
export function bytesOfPage(body: RawPage['body']): Uint8Array {
  if (typeof body === 'string') return Buffer.from(body)
  return body instanceof Uint8Array ? body : Buffer.concat(body)
}
