import { Readable } from 'node:stream'
import { ConfigError, SourceError } from '../errors.ts'
import { createS3Client } from '../s3-client.ts'
import type { FileOrigin } from './byte-origin.ts'
import { idleStream } from './idle-stream.ts'
import { changedFile } from './opened-file.ts'
import type { Connections, OpenFile, OpenOptions } from './opened-file.ts'
import { redactAnswer } from './redact.ts'

/** An object of an S3 store. @throws SourceError `SOURCE_S3`, `SOURCE_NOT_FOUND`, `SOURCE_FORBIDDEN`; ConfigError `S3_PACKAGE_MISSING` */
export async function openS3({ address, name }: FileOrigin, { from, signal, s3 }: OpenOptions): Promise<OpenFile> {
  signal?.throwIfAborted()
  const { bucket, key } = placeOf(address)
  const { client, commands } = await createS3Client(s3)
  // One byte too many: a range that begins at the object's end cannot be satisfied.
  const range = from > 0 ? { Range: `bytes=${String(from - 1)}-` } : {}
  try {
    const answer = await client.send(new commands.GetObjectCommand({ Bucket: bucket, Key: key, ...range }), signal === undefined ? {} : { abortSignal: signal })
    const body = answer.Body instanceof Readable ? answer.Body : Readable.from([])
    return {
      version: answer.ETag,
      from: Number(/^bytes (\d+)-/.exec(answer.ContentRange ?? '')?.[1] ?? 0),
      // What an upload says of its own encoding is not undone: a gzip is told by its first bytes.
      seekable: true,
      chunks: idleStream(body, { name, signal, explain: (cause) => explain(cause, name), close: () => client.destroy() }),
    }
  } catch (cause) {
    client.destroy()
    throw signal?.aborted === true ? signal.reason : explain(cause, name)
  }
}

/** The addresses of all objects that begin with one. @throws as `openS3` does */
export async function listS3(beginning: string, { signal, s3 }: Connections): Promise<string[]> {
  const { bucket, key } = placeOf(beginning)
  const { client, commands } = await createS3Client(s3)
  const found: string[] = []
  try {
    const pages = commands.paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: key }, signal === undefined ? {} : { abortSignal: signal })
    for await (const page of pages) for (const object of page.Contents ?? []) if (object.Key !== undefined) found.push(`s3://${bucket}/${object.Key}`)
    return found
  } catch (cause) {
    throw signal?.aborted === true ? signal.reason : explain(cause, beginning)
  } finally {
    client.destroy()
  }
}

function placeOf(address: string): { readonly bucket: string; readonly key: string } {
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.*)$/s.exec(address) ?? []
  if (bucket !== undefined && key !== undefined) return { bucket, key }
  throw new ConfigError(`${JSON.stringify(address)} is no address of an S3 object`, {
    code: 'SOURCE_URL_INVALID',
    hint: 'Give bucket and key: s3://bucket/exports/orders.csv.',
  })
}

/** Without the SDK's error as its cause: that holds the request, with its signature. */
function explain(cause: unknown, name: string): SourceError {
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
