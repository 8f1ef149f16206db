import { MillraceError } from '../errors.ts'
import { redactText } from '../redact.ts'

/** The store is down, busy or out of reach: trying again may help. @param store what it is called, without its secrets */
export function storeDown(store: string, reason: string, cause?: unknown): MillraceError {
  return new MillraceError(`${store} cannot be used now: ${redactText(reason)}`, {
    code: 'STORE_UNAVAILABLE',
    retryable: true,
    hint: 'See whether it is up and can be reached from the workers of the queue ops.',
    cause,
  })
}

/** The store said no, and will say it again. */
export function storeRefused(store: string, reason: string, hint: string, cause?: unknown): MillraceError {
  return new MillraceError(`${store} refused: ${redactText(reason)}`, { code: 'STORE_REFUSED', hint, cause })
}
