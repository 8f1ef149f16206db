/** The growing buffer that rows are written into. */
export interface Sink {
  bytes: Buffer
  /** Where the next byte goes. */
  at: number
}

// Large enough that a batch of a few MiB grows it a handful of times, small enough for a table of ten rows.
const firstSize = 64 * 1024

// Buffers at rest, of megabytes each: as many as batches are encoded at once, and not one for each table that ever was.
const idle: Buffer[] = []
const mostIdle = 2

export function createSink(): Sink {
  return { bytes: idle.pop() ?? Buffer.allocUnsafeSlow(firstSize), at: 0 }
}

/** Gives a sink's buffer back for others; the sink takes another when it is written to. Only when nobody reads the bytes any more. */
export function restSink(sink: Sink): void {
  if (sink.bytes.length > firstSize && idle.length < mostIdle) idle.push(sink.bytes)
  sink.bytes = Buffer.alloc(0)
  sink.at = 0
}

/** Makes room for `length` more bytes. Every writer calls it before it writes. */
export function reserve(sink: Sink, length: number): void {
  if (sink.at + length > sink.bytes.length) grow(sink, length)
}

function grow(sink: Sink, length: number): void {
  const rested = sink.bytes.length === 0 ? idle.pop() : undefined
  if (rested !== undefined && rested.length >= length) {
    sink.bytes = rested
    return
  }
  const larger = Buffer.allocUnsafeSlow(Math.max(firstSize, sink.bytes.length * 2, sink.at + length))
  sink.bytes.copy(larger, 0, 0, sink.at)
  sink.bytes = larger
}

/** Writes a 32-bit integer, big-endian as everything in COPY, at a place that was reserved. */
export function putInt32(bytes: Buffer, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

export function putInt16(bytes: Buffer, at: number, value: number): void {
  bytes[at] = value >>> 8
  bytes[at + 1] = value
}

const word = 4_294_967_296

/** Writes a 64-bit integer; the number must be a safe integer. */
export function putInt64(bytes: Buffer, at: number, value: number): void {
  const high = Math.floor(value / word)
  putInt32(bytes, at, high)
  putInt32(bytes, at + 4, value - high * word)
}

/** Writes a cell of NULL. */
export function writeNull(sink: Sink): void {
  reserve(sink, 4)
  putInt32(sink.bytes, sink.at, -1)
  sink.at += 4
}

/** Writes one byte. */
export function writeByte(sink: Sink, byte: number): void {
  reserve(sink, 1)
  sink.bytes[sink.at++] = byte
}

/** Writes a NULL of text COPY: `\N`. */
export function writeTextNull(sink: Sink): void {
  reserve(sink, 2)
  sink.bytes[sink.at++] = 0x5c
  sink.bytes[sink.at++] = 0x4e
}
