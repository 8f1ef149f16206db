import { Readable } from 'node:stream'
import { createS3Client } from '../s3-client.ts'
import type { FileOrigin } from './byte-origin.ts'
import { idleStream } from './idle-stream.ts'
import type { Connections, OpenFile, OpenOptions } from './opened-file.ts'
import { explainS3, placeOf } from './s3-object.ts'

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
      chunks: idleStream(body, { name, signal, explain: (cause) => explainS3(cause, name), close: () => client.destroy() }),
    }
  } catch (cause) {
    client.destroy()
    throw signal?.aborted === true ? signal.reason : explainS3(cause, name)
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
    throw signal?.aborted === true ? signal.reason : explainS3(cause, beginning)
  } finally {
    client.destroy()
  }
}
