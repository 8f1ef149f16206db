import { once } from 'node:events'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { faultPoint } from '../fault-point.ts'

// 256 KiB a message: larger ones only grow the socket's buffer.
const chunkBytes = 256 * 1024

/** Sends bytes to a `COPY … FROM STDIN`. Answers how many rows Postgres took. */
export async function copy(client: pg.ClientBase, sql: string, bytes: Uint8Array): Promise<number> {
  const stream = client.query(copyFrom(sql))
  const failed = once(stream, 'finish')
  for (let offset = 0; offset < bytes.length; offset += chunkBytes) {
    const more = stream.write(bytes.subarray(offset, offset + chunkBytes))
    if (offset === 0) faultPoint('load.copying')
    if (!more) await Promise.race([once(stream, 'drain'), failed])
  }
  stream.end()
  await failed
  return stream.rowCount
}
