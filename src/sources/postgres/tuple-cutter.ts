import { DataError, SourceError } from '../../errors.ts'
import { recordTooLarge } from '../formats/record-too-large.ts'

export interface TupleCutterOptions {
  /** A page is cut where it has about this many bytes. */
  readonly pageBytes: number
  readonly maxRecordBytes: number
  /** For messages. */
  readonly name: string
}

/** Whole tuples of binary COPY. */
export interface TuplePage {
  readonly body: readonly Buffer[]
  readonly rows: number
  /** The last tuple alone, from its count of fields on. */
  readonly lastTuple: Buffer
}

export interface TupleCutter {
  /** Takes the stream's next bytes; answers a page when one is full. */
  push(chunk: Buffer): TuplePage | undefined
  /** What is left when the stream has ended, if anything. */
  end(): TuplePage | undefined
}

/** Signature, flags, and the length of the header's extension. */
const headerBytes = 19
const signature = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1')

/**
 * Cuts a binary COPY stream between its tuples, without reading more of them than their lengths, and without copying. Its header and trailer are left out.
 * @throws DataError `RECORD_TOO_LARGE`; SourceError `POSTGRES_COPY_DAMAGED`, of a stream that is none or ends too early.
 */
export function createTupleCutter({ pageBytes, maxRecordBytes, name }: TupleCutterOptions): TupleCutter {
  let pieces: Buffer[] = []
  /** Bytes in `pieces`. */
  let held = 0
  /** Of them, bytes of whole tuples, and where the last of these begins. */
  let whole = 0
  let lastStart = 0
  let rows = 0
  let allRows = 0

  /** Bytes until the next length. */
  let skip = 0
  let fieldsLeft = 0
  /** A length that lies in two chunks: what is known of it, and how many of its bytes are missing. */
  let partial = 0
  let missing = 0
  let header: Buffer | undefined = Buffer.alloc(0)
  let trailer = false

  const damaged = (what: string): SourceError =>
    new SourceError(`${name}: its COPY stream ${what}, after ${String(allRows)} rows.`, {
      code: 'POSTGRES_COPY_DAMAGED',
      hint: 'The step is tried again. If it happens again, look for a proxy between here and the server that is no plain one.',
    })

  /** Bytes of a length: 2 of a tuple's count of fields, 4 of a field. */
  const lengthBytes = (): number => (fieldsLeft === 0 ? 2 : 4)

  function took(value: number): void {
    if (fieldsLeft > 0) {
      // An int32 read as unsigned; NULL is -1.
      const length = value | 0
      if (length < -1) throw damaged(`has a field of ${String(length)} bytes`)
      fieldsLeft -= 1
      skip = length === -1 ? 0 : length
    } else if (value === 0xffff) trailer = true
    else fieldsLeft = value
  }

  /** Walks over a chunk's lengths; `base` is how many bytes are held before it. */
  function walk(chunk: Buffer, base: number): void {
    let at = 0
    const { length } = chunk
    while (!trailer) {
      if (skip > 0) {
        const step = skip < length - at ? skip : length - at
        at += step
        skip -= step
        if (skip > 0) return
      }
      if (fieldsLeft === 0 && missing === 0) {
        // Between two tuples; also at the very beginning, before the first.
        const here = base + at
        if (here > whole) {
          lastStart = whole
          whole = here
          rows += 1
          allRows += 1
        }
      }
      const need = missing === 0 ? lengthBytes() : missing
      const left = length - at
      if (missing === 0 && left >= need) {
        took(need === 2 ? chunk.readUInt16BE(at) : chunk.readUInt32BE(at))
        at += need
        continue
      }
      const taken = need < left ? need : left
      for (let index = 0; index < taken; index += 1) partial = ((partial << 8) | (chunk[at + index] ?? 0)) >>> 0
      at += taken
      missing = need - taken
      if (missing > 0) return
      took(partial)
      partial = 0
    }
  }

  /** The chunk behind the header, once that is complete. */
  function afterHeader(chunk: Buffer): Buffer | undefined {
    if (header === undefined) return chunk
    header = Buffer.concat([header, chunk])
    if (header.length < headerBytes) return undefined
    if (header.compare(signature, 0, signature.length, 0, signature.length) !== 0) throw damaged('has not the signature of binary COPY')
    const start = headerBytes + header.readUInt32BE(headerBytes - 4)
    if (header.length < start) return undefined
    const rest = header.subarray(start)
    header = undefined
    return rest
  }

  function cut(): TuplePage {
    const body: Buffer[] = []
    const last: Buffer[] = []
    const rest: Buffer[] = []
    let at = 0
    for (const piece of pieces) {
      const end = at + piece.length
      if (at < whole) body.push(end <= whole ? piece : piece.subarray(0, whole - at))
      if (at < whole && end > lastStart) last.push(piece.subarray(Math.max(0, lastStart - at), Math.min(piece.length, whole - at)))
      if (end > whole) rest.push(at >= whole ? piece : piece.subarray(whole - at))
      at = end
    }
    const page = { body, rows, lastTuple: last.length === 1 && last[0] !== undefined ? last[0] : Buffer.concat(last) }
    pieces = rest
    held -= whole
    whole = 0
    lastStart = 0
    rows = 0
    return page
  }

  return {
    push(chunk) {
      const bytes = afterHeader(chunk)
      if (bytes === undefined || bytes.length === 0 || trailer) return undefined
      pieces.push(bytes)
      const base = held
      held += bytes.length
      walk(bytes, base)
      if (held - whole > maxRecordBytes || whole - lastStart > maxRecordBytes) {
        const tooLarge: DataError = recordTooLarge(`row ${String(allRows + (held - whole > maxRecordBytes ? 1 : 0))} of ${name}`, undefined, maxRecordBytes)
        throw tooLarge
      }
      return whole >= pageBytes ? cut() : undefined
    },
    end() {
      if (!trailer) throw damaged('ends in the middle')
      return whole > 0 ? cut() : undefined
    },
  }
}
