import { addAbortSignal, Readable } from 'node:stream'
import { text as textOf } from 'node:stream/consumers'
import { DefinitionError } from '../definitions/definition-error.ts'
import type { IoManager, ValuePlace } from '../definitions/io-manager.ts'
import { resource } from '../definitions/resource.ts'
import type { ResourceDefinition } from '../definitions/resource.ts'
import { MillraceError } from '../errors.ts'
import { createS3Client } from '../s3-client.ts'
import type { S3, S3Settings } from '../s3-client.ts'
import { fileNameOf } from './file-name.ts'
import { jsonText, readJson } from './json-text.ts'
import { explainS3, isMissing } from './s3-fault.ts'
import { valueMissing } from './value-missing.ts'

export interface JsonS3Options extends S3Settings {
  /** It must exist. */
  readonly bucket: string
  /** What the keys begin with. Default: nothing. */
  readonly prefix?: string
}

/** The longest that a value may take to come or go, in ms: a store that stops in the middle says nothing. */
const longestMs = 300_000

/**
 * Stores values as JSON objects in S3: `s3://<bucket>/<prefix>/<asset>/value.json`, of a partition `…/<partition>.json`. An object is put whole or not at all.
 * What is not said of the store is taken from the worker’s environment (`AWS_*`). Wants the package `@aws-sdk/client-s3`.
 * Throws DataError `VALUE_NOT_JSON` for a value that JSON cannot hold, `VALUE_MISSING` where there is none, `VALUE_UNREADABLE` where somebody else changed it;
 * MillraceError `STORE_UNAVAILABLE`, which is tried again, and `STORE_REFUSED`; ConfigError `S3_PACKAGE_MISSING`.
 * @throws DefinitionError for a bucket that has more than a name
 */
export function jsonS3({ bucket: Bucket, prefix = '', ...settings }: JsonS3Options): ResourceDefinition<IoManager> {
  if (!/^[^/:\s]+$/.test(Bucket)) throw new DefinitionError(`jsonS3 has the bucket ${JSON.stringify(Bucket)}: give its name alone, and what follows as prefix.`)
  const base = prefix.replaceAll(/^\/+|\/+$/g, '')
  const store = `The store s3://${Bucket}`
  const keyOf = ({ asset, partition }: ValuePlace): string => `${base === '' ? '' : `${base}/`}${asset}/${fileNameOf(partition)}.json`
  const uriOf = (place: ValuePlace): string => `s3://${Bucket}/${keyOf(place)}`

  const asking = async <T>(signal: AbortSignal, ask: (limit: AbortSignal) => Promise<T>): Promise<T> => {
    signal.throwIfAborted()
    const limit = AbortSignal.any([signal, AbortSignal.timeout(longestMs)])
    try {
      return await ask(limit)
    } catch (error) {
      if (signal.aborted) throw signal.reason
      throw error instanceof MillraceError ? error : explainS3(error, store)
    }
  }

  const clients = new WeakMap<IoManager, S3>()
  return resource({
    async start({ env }) {
      const s3 = await createS3Client({ env, ...settings })
      const { client, commands } = s3
      const io: IoManager = {
        store: (place, value, { signal }) =>
          asking(signal, async (abortSignal) => {
            const Body = jsonText(place, value)
            await client.send(new commands.PutObjectCommand({ Bucket, Key: keyOf(place), Body, ContentType: 'application/json' }), { abortSignal })
            return { uri: uriOf(place), bytes: Buffer.byteLength(Body) }
          }),
        load: (place, { signal }) =>
          asking(signal, async (abortSignal) => {
            const answer = await client.send(new commands.GetObjectCommand({ Bucket, Key: keyOf(place) }), { abortSignal }).catch((error: unknown) => {
              throw isMissing(error) ? valueMissing(place, `${uriOf(place)} is not there`) : error
            })
            // The SDK promises nowhere that it heeds the signal beyond the headers.
            const text = answer.Body instanceof Readable ? await textOf(addAbortSignal(abortSignal, answer.Body)) : ''
            return readJson(place, text, uriOf(place))
          }),
        remove: (place, { signal }) =>
          asking(signal, async (abortSignal) => {
            await client.send(new commands.DeleteObjectCommand({ Bucket, Key: keyOf(place) }), { abortSignal })
          }),
      }
      clients.set(io, s3)
      return io
    },
    stop: (io) => clients.get(io)?.client.destroy(),
  })
}
