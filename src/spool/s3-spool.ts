import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { MillraceError } from '../errors.ts'
import { createS3Client } from '../s3-client.ts'
import type { S3, S3Settings } from '../s3-client.ts'
import { gather, expectLength, referenceOf } from './reference.ts'
import { putObject } from './s3-put.ts'
import type { Spool, SpoolEntry } from './spool.ts'
import { SpoolLostError } from './spool-lost-error.ts'
import { SpoolUnavailableError } from './spool-unavailable-error.ts'

export interface S3SpoolOptions extends S3Settings {
  readonly bucket: string
  /** What its keys begin with, without a slash at its end; may be empty. */
  readonly prefix: string
}

/** How old an id must be to be believed, in ms; stores tell whole seconds. */
const settleMs = 2000
const unfinished = '.writing'

/** A spool of objects in a bucket. */
export function createS3Spool({ bucket: Bucket, prefix, ...settings }: S3SpoolOptions): Spool {
  const place = `s3://${Bucket}${prefix === '' ? '' : `/${prefix}`}`
  const base = prefix === '' ? '' : `${prefix}/`
  let opened: Promise<S3> | undefined
  /** Sends with the client; whatever the store or the way to it says becomes one of our two errors. */
  const asking = async <T>(ask: (s3: S3) => Promise<T>): Promise<T> => {
    try {
      return await ask(await (opened ??= createS3Client(settings)))
    } catch (error) {
      throw error instanceof MillraceError ? error : isFull(error) ? spoolFull(place, error) : spoolFailed(place, error)
    }
  }
  return {
    id: () => asking((s3) => settledId(s3, { Bucket, Key: `${base}id` })),
    write: (name, chunks) =>
      asking(async (s3) => {
        const [first] = chunks
        await putObject(s3, { Bucket, Key: base + name }, first instanceof Uint8Array && chunks.length === 1 ? first : Buffer.concat(chunks))
        return referenceOf(name, chunks)
      }),
    read: (reference, into) =>
      asking(async ({ client, commands }) => {
        const { Body, ContentLength } = await client.send(new commands.GetObjectCommand({ Bucket, Key: base + reference.name })).catch((error: unknown) => {
          ignoreMissing(error)
          throw new SpoolLostError(reference.name, 'is gone', error)
        })
        const gathering = gather(reference, into)
        const stream = Body as AsyncIterable<Uint8Array> & { destroy?: () => void }
        if (ContentLength !== undefined && ContentLength !== reference.bytes) {
          stream.destroy?.()
          expectLength(reference, ContentLength)
        }
        for await (const piece of stream) gathering.add(piece)
        return gathering.whole()
      }),
    remove: (path) =>
      asking(async (s3) => {
        if (path.endsWith(unfinished)) return abortUploads(s3, Bucket, base + path.slice(0, -unfinished.length))
        const { client, commands } = s3
        if (!path.endsWith('/')) return void (await client.send(new commands.DeleteObjectCommand({ Bucket, Key: base + path })))
        for await (const page of commands.paginateListObjectsV2({ client }, { Bucket, Prefix: base + path })) {
          const Objects = (page.Contents ?? []).flatMap(({ Key }) => (Key === undefined ? [] : [{ Key }]))
          if (Objects.length === 0) continue
          const { Errors = [] } = await client.send(new commands.DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }))
          if (Errors[0] !== undefined) throw new Error(`${Errors[0].Code ?? 'unknown'}: ${Errors[0].Message ?? ''}`)
        }
      }),
    async *list() {
      const { client, commands } = await asking(async (s3) => s3)
      const clock = storeClock(client)
      const entry = (key: string | undefined, at: Date | undefined, suffix = ''): SpoolEntry[] =>
        key === undefined || key === `${base}id` ? [] : [{ name: key.slice(base.length) + suffix, ageMs: clock.now() - (at?.getTime() ?? clock.now()) }]
      try {
        for await (const page of commands.paginateListObjectsV2({ client }, { Bucket, Prefix: base })) {
          for (const { Key, LastModified } of page.Contents ?? []) yield* entry(Key, LastModified)
        }
        for (const { Key, Initiated } of await uploadsOf({ client, commands }, Bucket, base)) yield* entry(Key, Initiated, unfinished)
      } catch (error) {
        throw spoolFailed(place, error)
      } finally {
        clock.stop()
      }
    },
    async close() {
      const s3 = await opened?.catch(() => undefined)
      s3?.client.destroy()
    },
  }
}

/** The id, which the first to ask makes. */
async function settledId(s3: S3, where: { readonly Bucket: string; readonly Key: string }): Promise<string> {
  const { client, commands } = s3
  const clock = storeClock(client)
  try {
    for (let made = false; ;) {
      const found = await client.send(new commands.GetObjectCommand(where)).catch(ignoreMissing)
      if (found === undefined) {
        await (made ? delay(settleMs / 8) : putFirst(s3, where, randomUUID()))
        made = true
        continue
      }
      const id = (await found.Body?.transformToString()) ?? ''
      // A store that knows no If-None-Match lets each of those who ask at once write its own: the last one counts.
      if (clock.now() - (found.LastModified?.getTime() ?? 0) >= settleMs) return id
      await delay(settleMs / 8)
    }
  } finally {
    clock.stop()
  }
}

/** Puts an object that is not there yet, where the store can tell. */
async function putFirst({ client, commands }: S3, where: { readonly Bucket: string; readonly Key: string }, Body: string): Promise<void> {
  try {
    await client.send(new commands.PutObjectCommand({ ...where, Body, IfNoneMatch: '*' }))
  } catch (error) {
    const status = statusOf(error)
    if (status === 501) await client.send(new commands.PutObjectCommand({ ...where, Body }))
    else if (status !== 412 && status !== 409) throw error
  }
}

interface Upload {
  readonly Key?: string | undefined
  readonly UploadId?: string | undefined
  readonly Initiated?: Date | undefined
}

/** Uploads in parts that were not completed: no listing of objects has them, and they cost as much. */
async function uploadsOf({ client, commands }: S3, Bucket: string, Prefix: string): Promise<Upload[]> {
  const found: Upload[] = []
  for (let from: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {}; from !== undefined;) {
    const page: Awaited<ReturnType<typeof ask>> = await ask(from)
    found.push(...(page.Uploads ?? []))
    const { NextKeyMarker, NextUploadIdMarker } = page
    from =
      page.IsTruncated === true && NextKeyMarker !== undefined
        ? { KeyMarker: NextKeyMarker, ...(NextUploadIdMarker === undefined ? {} : { UploadIdMarker: NextUploadIdMarker }) }
        : undefined
  }
  return found
  function ask(marker: { KeyMarker?: string; UploadIdMarker?: string }) {
    return client.send(new commands.ListMultipartUploadsCommand({ Bucket, Prefix, ...marker }))
  }
}

async function abortUploads(s3: S3, Bucket: string, key: string): Promise<void> {
  for (const { Key, UploadId } of await uploadsOf(s3, Bucket, key)) {
    if (Key === key) await s3.client.send(new s3.commands.AbortMultipartUploadCommand({ Bucket, Key, UploadId }))
  }
}

/** What time it is where the objects get theirs: every answer says it. */
function storeClock(client: S3['client']): { now(): number; stop(): void } {
  let now = Date.now()
  const name = `clock-${randomUUID()}`
  client.middlewareStack.add(
    (next) => async (input) => {
      const result = await next(input)
      const { headers } = result.response as { headers?: Record<string, string> }
      now = Date.parse(headers?.['date'] ?? '') || now
      return result
    },
    { step: 'deserialize', priority: 'low', name },
  )
  return { now: () => now, stop: () => void client.middlewareStack.remove(name) }
}

const statusOf = (error: unknown): number | undefined =>
  error instanceof Error && '$metadata' in error ? (error.$metadata as { httpStatusCode?: number }).httpStatusCode : undefined

/** An object that is not there; a bucket that is not there says nothing about the object. */
function ignoreMissing(error: unknown): undefined {
  const missing = error instanceof Error && (error.name === 'NoSuchKey' || error.name === 'NotFound')
  if (!missing) throw error
  return undefined
}

/** What stores say when they take no more: Amazon's never does. */
const isFull = (error: unknown): boolean => statusOf(error) === 507 || (error instanceof Error && /Quota|StorageFull|InsufficientStorage/i.test(error.name))

function spoolFull(place: string, cause: unknown): SpoolUnavailableError {
  return new SpoolUnavailableError(`The store of the spool ${place} is full.`, {
    code: 'SPOOL_FULL',
    hint: 'Make room in the store, or raise its quota.',
    cause,
  })
}

function spoolFailed(place: string, error: unknown): SpoolUnavailableError {
  const said = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return new SpoolUnavailableError(`The spool ${place} cannot be used: ${said}`, {
    code: 'SPOOL_FAILED',
    hint: 'The bucket must exist, and its keys be readable, writable, deletable and listable with the credentials of the worker (AWS_*).',
    cause: error,
  })
}
