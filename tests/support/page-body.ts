import type { RawPage } from '../../src/definitions/page.ts'

/** A page's body in one piece. */
export function bytesOf(body: RawPage['body']): Buffer {
  if (typeof body === 'string') return Buffer.from(body)
  return body instanceof Uint8Array ? Buffer.from(body) : Buffer.concat(body)
}
