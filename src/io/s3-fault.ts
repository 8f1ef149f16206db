import type { MillraceError } from '../errors.ts'
import { storeDown, storeRefused } from './store-error.ts'

interface SdkError {
  readonly name?: string
  readonly message?: string
  readonly $metadata?: { readonly httpStatusCode?: number }
}

/** Whether an object is not there. A bucket that is not there says nothing of an object. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && (error.name === 'NoSuchKey' || error.name === 'NotFound')
}

/** What an error of the SDK means. Without it as its cause: that holds the request, with its signature. */
export function explainS3(error: unknown, store: string): MillraceError {
  const { name = '', message = String(error), $metadata: { httpStatusCode: status = 0 } = {} } = error as SdkError
  const reason = `${name}${name === '' ? '' : ': '}${message === '' ? 'no answer' : message}`
  if (status === 404) return storeRefused(store, reason, 'Create the bucket, or mend its name or the region.')
  if (status === 401 || status === 403 || name === 'CredentialsProviderError') {
    return storeRefused(
      store,
      reason,
      'Check the credentials (AWS_ACCESS_KEY_ID and the like): they must get, put and delete objects there, and list the bucket, without which a value that is missing looks forbidden.',
    )
  }
  const refused = status >= 400 && status < 500 && status !== 408 && status !== 409 && status !== 429
  return refused ? storeRefused(store, reason, 'Check endpoint, region, bucket and prefix.') : storeDown(store, reason)
}
