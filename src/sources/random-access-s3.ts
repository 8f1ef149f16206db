import { Readable } from 'node:stream'
import { createS3Client } from '../s3-client.ts'
import type { FileOrigin } from './byte-origin.ts'
import { idleStream } from './idle-stream.ts'
import { openRanges, rangeOf, tailBytes } from './random-access-ranges.ts'
import type { RangeAnswer } from './random-access-ranges.ts'
import type { RandomAccess, RandomAccessOptions } from './random-access.ts'
import { explainS3, placeOf } from './s3-object.ts'

/** An object of an S3 store, by ranges. @throws SourceError as `openS3` does, and as `openRanges` does; ConfigError `S3_PACKAGE_MISSING` */
export async function openRandomS3({ address, name }: FileOrigin, { signal, s3, maxFileBytes }: RandomAccessOptions): Promise<RandomAccess> {
  const { bucket, key } = placeOf(address)
  const { client, commands } = await createS3Client(s3)
  const object = { Bucket: bucket, Key: key }
  const abort = signal === undefined ? {} : { abortSignal: signal }
  const told = (cause: unknown): unknown => (signal?.aborted === true ? signal.reason : explainS3(cause, name))
  const ask = async (range: string): Promise<RangeAnswer> => {
    const answer = await client.send(new commands.GetObjectCommand({ ...object, Range: `bytes=${range}` }), abort).catch((cause: unknown) => {
      throw told(cause)
    })
    const body = answer.Body instanceof Readable ? answer.Body : Readable.from([])
    const close = (): void => undefined
    return {
      range: rangeOf(answer.ContentRange),
      version: answer.ETag ?? '',
      chunks: idleStream(body, { name, signal, explain: (cause) => explainS3(cause, name), close }),
    }
  }
  try {
    // Asked for beforehand: not every store knows what the last so many bytes of a smaller object are.
    const { ContentLength: size = 0, ETag: version = '' } = await client.send(new commands.HeadObjectCommand(object), abort).catch((cause: unknown) => {
      throw told(cause)
    })
    const nothing = (): Promise<RandomAccess> => Promise.resolve({ size, version, read: () => Promise.resolve([]), close: async () => client.destroy() })
    if (size === 0) return await nothing()
    const first = await ask(`${String(Math.max(0, size - tailBytes))}-${String(size - 1)}`)
    return await openRanges(first, { name, maxFileBytes, ask, close: () => client.destroy() })
  } catch (error) {
    client.destroy()
    throw error
  }
}
