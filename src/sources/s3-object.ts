import { ConfigError, SourceError } from '../errors.ts'
import { changedFile } from './opened-file.ts'
import { redactAnswer } from './redact.ts'

/** Bucket and key of an address. @throws ConfigError `SOURCE_URL_INVALID` */
export function placeOf(address: string): { readonly bucket: string; readonly key: string } {
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.*)$/s.exec(address) ?? []
  if (bucket !== undefined && key !== undefined) return { bucket, key }
  throw new ConfigError(`${JSON.stringify(address)} is no address of an S3 object`, {
    code: 'SOURCE_URL_INVALID',
    hint: 'Give bucket and key: s3://bucket/exports/orders.csv.',
  })
}

/** What an error of the SDK means. Without it as its cause: that holds the request, with its signature. */
export function explainS3(cause: unknown, name: string): SourceError {
  const { name: kind = '', message = String(cause), $metadata: { httpStatusCode: status = 0 } = {} } = cause as SdkError
  if (status === 416) return changedFile(name)
  const code = status === 404 ? 'SOURCE_NOT_FOUND' : status === 401 || status === 403 || kind === 'CredentialsProviderError' ? 'SOURCE_FORBIDDEN' : 'SOURCE_S3'
  return new SourceError(`${name} cannot be read: ${kind}${kind === '' ? '' : ': '}${redactAnswer(message)}`, {
    code,
    retryable: (status < 400 && code === 'SOURCE_S3') || status === 408 || status === 429 || status >= 500,
    hint:
      code === 'SOURCE_NOT_FOUND'
        ? 'Check bucket and key, and the region.'
        : code === 'SOURCE_FORBIDDEN'
          ? 'Check the credentials (AWS_ACCESS_KEY_ID and the like), and that they may get this object and list this bucket.'
          : 'See whether the store is up and reachable from this machine (AWS_ENDPOINT_URL_S3, AWS_REGION).',
  })
}

interface SdkError {
  readonly name?: string
  readonly message?: string
  readonly $metadata?: { readonly httpStatusCode?: number }
}
