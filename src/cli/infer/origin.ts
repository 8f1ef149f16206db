import { redactUrl } from '../../sources/redact.ts'

/** One file: an address (http, https or file), or a path on this machine. */
export type OneFile = { readonly url: string | URL; readonly path?: never } | { readonly path: string; readonly url?: never }

/** How messages name it: without credentials. */
export function nameOfFile({ url, path }: OneFile): string {
  return url === undefined ? path : redactUrl(url)
}
