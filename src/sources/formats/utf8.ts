import { isAscii, isUtf8 } from 'node:buffer'
import { DataError, SourceError } from '../../errors.ts'

/** The text of bytes in UTF-8; undefined where they are none. ASCII, which most pages are, is taken over without decoding (six times as fast). */
function decoded(bytes: Buffer): string | undefined {
  if (isAscii(bytes)) return bytes.toString('latin1')
  return isUtf8(bytes) ? bytes.toString('utf8') : undefined
}

/** The same of a page, without a byte order mark. */
export function utf8Of(body: Uint8Array): string | undefined {
  const text = decoded(bufferOf(body))
  return text?.startsWith('\uFEFF') === true ? text.slice(1) : text
}

/**
 * The text of a page in UTF-8, without a byte order mark.
 * @throws SourceError `PAGE_NOT_UTF8`
 */
export function textOf(body: Uint8Array, page: string, firstLine?: number): string {
  const text = utf8Of(body)
  if (text !== undefined) return text
  const position = firstBadByte(bufferOf(body))
  const line = firstLine === undefined ? '' : `, in line ${String(firstLine + linesIn(body.subarray(0, position)))}`
  throw new SourceError(`${page} is not UTF-8: wrong at byte ${String(position)}${line}`, {
    code: 'PAGE_NOT_UTF8',
    hint: 'Give the `encoding` of a file that has another; else have the source answer in UTF-8, or decode its bytes in extract and yield text.',
  })
}

/**
 * Bytes as text of a character for each byte: so that a page that is no UTF-8 is cut into records, which all formats do at characters of ASCII, and each
 * of them still tells its bytes.
 */
export function binaryOf(body: Uint8Array): string {
  const bytes = bufferOf(body)
  return bytes.toString('latin1', bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0)
}

export function bytesOfBinary(binary: string): Buffer {
  return Buffer.from(binary, 'latin1')
}

/** What `binaryOf` made of UTF-8 as its text; undefined where it is none. */
export function textOfBinary(binary: string): string | undefined {
  return decoded(bytesOfBinary(binary))
}

/** What is wrong with a record whose bytes are no UTF-8. @param which `Line 3 of the page` */
export function notUtf8(which: string, bytes: Buffer): DataError {
  return new DataError(`${which} is not UTF-8: wrong at byte ${String(firstBadByte(bytes))} of it`, {
    code: 'RECORD_NOT_UTF8',
    hint: 'Mend it at the source, or by `repairLine`, which is given its bytes; if the whole file has another encoding, give that as `encoding`.',
  })
}

/** How many line ends there are. */
export function linesIn(bytes: Uint8Array): number {
  let lines = 0
  for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) lines += 1
  return lines
}

function bufferOf(body: Uint8Array): Buffer {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength)
}

function firstBadByte(bytes: Buffer): number {
  // Decoding puts U+FFFD for what is wrong; one that stands in the bytes themselves is not.
  const text = bytes.toString('utf8')
  let position = 0
  let from = 0
  for (let at = text.indexOf('\uFFFD'); at >= 0; at = text.indexOf('\uFFFD', from)) {
    position += Buffer.byteLength(text.slice(from, at))
    if (bytes.toString('hex', position, position + 3) !== 'efbfbd') break
    position += 3
    from = at + 1
  }
  return position
}
