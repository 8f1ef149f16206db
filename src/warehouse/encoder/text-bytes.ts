import type { FromBytes } from './cell-writer.ts'
import { endOfPlain, plainBytes } from './json-scan.ts'
import { reserve } from './sink.ts'
import type { Sink } from './sink.ts'

// The letter that stands behind a backslash for a byte that text COPY would read as something else; 0 for bytes that stand for themselves.
const letters = new Uint8Array(256)
const unescaped = new Uint8Array(256)
for (const [byte, letter] of Object.entries({ '\\': '\\', '\t': 't', '\n': 'n', '\r': 'r', '\b': 'b', '\f': 'f', '\v': 'v' })) {
  letters[byte.charCodeAt(0)] = letter.charCodeAt(0)
  unescaped[letter.charCodeAt(0)] = byte.charCodeAt(0)
}

// Up to here a loop over the bytes is quicker than calling into the engine, as for the binary format.
const shortText = 96

// What a check writes is thrown away; nothing of a record of many MiB is kept for ever.
const scratchBytes = 256
const mostScratch = 1_048_576

/** Writes bytes as a cell of text COPY, with what must be escaped. */
function writeEscaped(sink: Sink, bytes: Buffer, start: number, end: number): void {
  reserve(sink, 2 * (end - start))
  const target = sink.bytes
  let { at } = sink
  let from = start
  if (end - start > shortText) {
    while (from < end && letters[bytes[from] ?? 0] === 0) from++
    at += bytes.copy(target, at, start, from)
  }
  for (; from < end; from++) {
    const byte = bytes[from] ?? 0
    const letter = letters[byte] ?? 0
    if (letter === 0) target[at++] = byte
    else {
      target[at++] = 0x5c
      target[at++] = letter
    }
  }
  sink.at = at
}

/** Puts what a cell of text COPY says, as `writeEscaped` wrote it, where there is room for as much as it has. Answers where it ends. */
export function putUnescaped(target: Buffer, from: number, bytes: Buffer, start: number, end: number): number {
  let at = from
  for (let index = start; index < end; index++) {
    const byte = bytes[index] ?? 0
    target[at++] = byte === 0x5c ? (unescaped[bytes[++index] ?? 0] ?? 0) : byte
  }
  return at
}

/** Copies what stands from `start` up to the first byte that a JSON string cannot hold as it is: nothing of it needs an escape. */
function writePlain(sink: Sink, bytes: Buffer, start: number): number {
  reserve(sink, shortText)
  const target = sink.bytes
  const { at } = sink
  for (let length = 0; length < shortText; length++) {
    const byte = bytes[start + length] ?? 0
    if (plainBytes[byte] === 0) {
      sink.at = at + length
      return start + length
    }
    target[at + length] = byte
  }
  const end = endOfPlain(bytes, start + shortText)
  reserve(sink, end - start)
  sink.at += bytes.copy(sink.bytes, sink.at, start, end)
  return end
}

/**
 * Writes values as they lie in a source's bytes as cells of text COPY: after the binary writer has checked them, so that both formats take the same values.
 * Postgres reads such bytes as the value that the binary form says.
 */
export function textFromBytes({ token, sizes, write, writePlain: plain }: FromBytes): FromBytes {
  const scratch: Sink = { bytes: Buffer.alloc(scratchBytes), at: 0 }
  return {
    token,
    ...(sizes === undefined ? {} : { sizes }),
    ...(plain === undefined ? {} : { writePlain }),
    write(sink, bytes, start, end) {
      scratch.at = 0
      if (!write(scratch, bytes, start, end)) return false
      if (scratch.bytes.length > mostScratch) scratch.bytes = Buffer.alloc(scratchBytes)
      writeEscaped(sink, bytes, start, end)
      return true
    },
  }
}
