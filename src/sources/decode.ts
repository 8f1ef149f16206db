import { ConfigError, SourceError } from '../errors.ts'

/** A label of the Encoding Standard in its one spelling: `latin1` is `windows-1252`. @throws ConfigError `SOURCE_ENCODING_UNKNOWN` */
export function encodingOf(label: string): string {
  try {
    return new TextDecoder(label).encoding
  } catch (cause) {
    throw new ConfigError(`${JSON.stringify(label)} is no encoding that Node.js knows`, {
      code: 'SOURCE_ENCODING_UNKNOWN',
      hint: 'Use a label like utf-16le, latin1, windows-1250 or shift_jis.',
      cause,
    })
  }
}

/** The encoding that a byte order mark tells; undefined where there is none, which is UTF-8. */
export function encodingOfMark(head: Uint8Array): string | undefined {
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le'
  return head[0] === 0xfe && head[1] === 0xff ? 'utf-16be' : undefined
}

/**
 * Text of an encoding as UTF-8, without its byte order mark.
 * @throws SourceError `SOURCE_ENCODING`, naming the byte that is wrong
 */
export async function* decoded(chunks: AsyncIterable<Uint8Array>, encoding: string, name: string): AsyncGenerator<Uint8Array, void, undefined> {
  const decoder = new TextDecoder(encoding, { fatal: true })
  let offset = 0
  let rest: Uint8Array = new Uint8Array(0)
  for await (const chunk of chunks) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    const whole = wholeUnits(bytes, encoding)
    rest = bytes.subarray(whole)
    yield Buffer.from(decodeOrSay(bytes.subarray(0, whole), offset))
    offset += whole
  }
  const last = decodeOrSay(rest, offset, true)
  if (last !== '') yield Buffer.from(last)

  function decodeOrSay(bytes: Uint8Array, at: number, end = false): string {
    try {
      return decoder.decode(bytes, { stream: !end })
    } catch (cause) {
      throw new SourceError(`${name} is not ${encoding}: wrong at byte ${String(at + faultIn(bytes, encoding))}`, {
        code: 'SOURCE_ENCODING',
        retryable: false,
        hint: 'Give the `encoding` that the file has, or mend it at the source.',
        cause,
      })
    }
  }
}

/** How many bytes do not end within a character of UTF-16; a decoder holds back the halves of other encodings itself. */
function wholeUnits(bytes: Uint8Array, encoding: string): number {
  if (!encoding.startsWith('utf-16')) return bytes.length
  const even = bytes.length - (bytes.length % 2)
  const high = bytes[encoding === 'utf-16le' ? even - 1 : even - 2] ?? 0
  return high >= 0xd8 && high <= 0xdb ? even - 2 : even
}

/** Where bytes stop being text of an encoding: read one by one, so only once they were refused. */
function faultIn(bytes: Uint8Array, encoding: string): number {
  const decoder = new TextDecoder(encoding, { fatal: true })
  const step = encoding.startsWith('utf-16') ? 2 : 1
  for (let at = 0; at < bytes.length; at += step) {
    try {
      decoder.decode(bytes.subarray(at, at + step), { stream: true })
    } catch {
      return at
    }
  }
  return 0
}
