export interface RefusalOptions {
  readonly code: string
  readonly hint: string
  /** Whether the same request may fare better the next time. Default false. */
  readonly passing?: boolean
}

/** We ended an exchange because the server went beyond a limit. The message goes on where `GET https://…` ends. */
export class HttpRefusal extends Error {
  override readonly name = 'HttpRefusal'
  readonly code: string
  readonly hint: string
  readonly passing: boolean
  constructor(message: string, { code, hint, passing }: RefusalOptions) {
    super(message)
    this.code = code
    this.hint = hint
    this.passing = passing ?? false
  }
}

export function bodyTooLarge(limit: 'maxBodyBytes' | 'maxStreamBytes', bytes: number): HttpRefusal {
  return new HttpRefusal(`answered with more than ${String(bytes)} bytes`, {
    code: 'SOURCE_BODY_TOO_LARGE',
    hint: `Ask for smaller pages, or raise ${limit}.`,
  })
}

export function headersTooLarge(bytes: number): HttpRefusal {
  return new HttpRefusal(`answered with more than ${String(bytes)} bytes of headers`, {
    code: 'SOURCE_HEADERS_TOO_LARGE',
    hint: 'See what the server sends; if it has to be so much, raise maxHeaderBytes.',
  })
}

export function tooManyRedirects(redirects: number): HttpRefusal {
  return new HttpRefusal(`was redirected more than ${String(redirects)} times`, {
    code: 'SOURCE_REDIRECTS',
    hint: 'They lead in a circle, or the page wants a sign-in. Ask for the address where the data is, or raise maxRedirects.',
  })
}

export function redirectRefused(reason: string, hint: string): HttpRefusal {
  return new HttpRefusal(`was redirected ${reason}, and not followed`, { code: 'SOURCE_REDIRECT_REFUSED', hint })
}
