export interface LineCutterOptions {
  /** What is kept of a line, in bytes; the rest of a longer one is counted and forgotten. */
  readonly maxBytes: number
  /** Whether a carriage return inside a line begins it anew, as on a terminal: of a progress bar only the last state is a line. */
  readonly overwrites?: boolean
  /** @param cut the bytes that were left out */
  readonly onLine: (line: Buffer, cut: number) => void
}

export interface LineCutter {
  readonly push: (chunk: Buffer) => void
  /** Hands over what stands after the last line end. */
  readonly end: () => void
}

const lineFeed = 10
const carriageReturn = 13

/** Cuts a stream into lines without ever holding more than `maxBytes` of one, and the chunk it came with. */
export function createLineCutter({ maxBytes, overwrites = false, onLine }: LineCutterOptions): LineCutter {
  let held: Buffer[] = []
  let heldBytes = 0
  let cut = 0
  let returned = false

  const clear = (): void => {
    held = []
    heldBytes = 0
    cut = 0
    returned = false
  }
  const keep = (piece: Buffer): void => {
    const kept = piece.subarray(0, maxBytes - heldBytes)
    cut += piece.length - kept.length
    if (kept.length === 0) return
    held.push(kept)
    heldBytes += kept.length
  }
  const add = (piece: Buffer): void => {
    if (piece.length === 0) return
    if (!overwrites) return keep(piece)
    if (returned) clear()
    const ends = piece.at(-1) === carriageReturn
    const body = ends ? piece.subarray(0, -1) : piece
    const last = body.lastIndexOf(carriageReturn)
    if (last !== -1) clear()
    keep(body.subarray(last + 1))
    returned = ends
  }
  const emit = (): void => {
    const [line, left] = [held.length === 1 && held[0] !== undefined ? held[0] : Buffer.concat(held), cut]
    clear()
    onLine(line, left)
  }
  return {
    push(chunk) {
      let from = 0
      for (let at = chunk.indexOf(lineFeed); at !== -1; at = chunk.indexOf(lineFeed, from)) {
        add(chunk.subarray(from, at))
        emit()
        from = at + 1
      }
      add(chunk.subarray(from))
    },
    end() {
      if (heldBytes > 0 || cut > 0) emit()
    },
  }
}
