import { deflateRawSync, inflateRawSync } from 'node:zlib'
import * as z from 'zod'
import { registers } from './distinct.ts'

const Head = z.object({
  rows: z.number(),
  columns: z.array(
    z.object({
      name: z.string(),
      type: z.string(),
      array: z.boolean(),
      nulls: z.number(),
      /** In base64, as binary COPY has them. */
      least: z.string().optional(),
      greatest: z.string().optional(),
      sketched: z.boolean(),
    }),
  ),
})

/** A column in a part. */
export interface PartColumn {
  readonly name: string
  readonly type: string
  readonly array: boolean
  readonly nulls: number
  /** As binary COPY has them; absent where there are none. */
  readonly least?: Buffer | undefined
  readonly greatest?: Buffer | undefined
  /** HyperLogLog registers; empty where nobody asks how many values are distinct. */
  readonly sketch: Uint8Array
}

/** What one batch adds to its step's statistics. */
export interface BatchPart {
  readonly rows: number
  readonly columns: readonly PartColumn[]
}

/** A part as it is stored with its batch: a head in JSON with its length before it, the registers behind it, deflated. About 300 bytes a column. */
export function storePart({ rows, columns }: BatchPart): Buffer {
  const head = Buffer.from(
    JSON.stringify({
      rows,
      columns: columns.map(({ least, greatest, sketch, ...rest }) => ({
        ...rest,
        ...(least === undefined ? {} : { least: least.toString('base64') }),
        ...(greatest === undefined ? {} : { greatest: greatest.toString('base64') }),
        sketched: sketch.length > 0,
      })),
    } satisfies z.input<typeof Head>),
  )
  const length = Buffer.alloc(4)
  length.writeUInt32BE(head.length)
  return deflateRawSync(Buffer.concat([length, head, ...columns.map(({ sketch }) => sketch)]), { level: 1 })
}

/** @throws when the bytes are no part */
export function readPart(stored: Uint8Array): BatchPart {
  const bytes = inflateRawSync(stored)
  let at = 4 + bytes.readUInt32BE()
  const head = Head.parse(JSON.parse(bytes.toString('utf8', 4, at)))
  const columns = head.columns.map(({ least, greatest, sketched, ...rest }): PartColumn => {
    const from = at
    if (sketched) at += registers
    return {
      ...rest,
      least: least === undefined ? undefined : Buffer.from(least, 'base64'),
      greatest: greatest === undefined ? undefined : Buffer.from(greatest, 'base64'),
      sketch: bytes.subarray(from, at),
    }
  })
  return { rows: head.rows, columns }
}
