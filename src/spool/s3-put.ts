import type { S3 } from '../s3-client.ts'

/** From 16 MiB on in parts of 8 MiB: one that breaks off is sent again by itself. A batch is 4 MiB as a rule, and goes in one. */
const partsFrom = 16 * 1024 * 1024
const partBytes = 8 * 1024 * 1024
/** Parts on their way at once. */
const inFlight = 3

/** Stores an object: all of it or nothing. */
export async function putObject(s3: S3, where: { readonly Bucket: string; readonly Key: string }, bytes: Uint8Array): Promise<void> {
  const { client, commands } = s3
  if (bytes.length < partsFrom) return void (await client.send(new commands.PutObjectCommand({ ...where, Body: bytes, ContentLength: bytes.length })))
  const { UploadId } = await client.send(new commands.CreateMultipartUploadCommand(where))
  try {
    await client.send(
      new commands.CompleteMultipartUploadCommand({ ...where, UploadId, MultipartUpload: { Parts: await uploadParts(s3, { ...where, UploadId }, bytes) } }),
    )
  } catch (error) {
    // Its parts would be kept, and paid for, until somebody finds them.
    await client.send(new commands.AbortMultipartUploadCommand({ ...where, UploadId })).catch(() => undefined)
    throw error
  }
}

interface Part {
  readonly PartNumber: number
  readonly ETag: string | undefined
}

async function uploadParts(
  { client, commands }: S3,
  upload: { readonly Bucket: string; readonly Key: string; readonly UploadId: string | undefined },
  bytes: Uint8Array,
): Promise<Part[]> {
  const parts: Part[] = []
  const numbers = Array.from({ length: Math.ceil(bytes.length / partBytes) }, (_, index) => index + 1)
  for (let at = 0; at < numbers.length; at += inFlight) {
    const sent = numbers.slice(at, at + inFlight).map(async (PartNumber) => {
      const Body = bytes.subarray((PartNumber - 1) * partBytes, PartNumber * partBytes)
      const { ETag } = await client.send(new commands.UploadPartCommand({ ...upload, PartNumber, Body, ContentLength: Body.length }))
      return { PartNumber, ETag }
    })
    parts.push(...(await Promise.all(sent)))
  }
  return parts
}
