/** Where bytes lie in the spool, and how to know that they are whole. */
export interface SpoolReference {
  readonly name: string
  /** Length in bytes. */
  readonly bytes: number
  /** CRC-32 of all bytes. */
  readonly crc: number
}

export interface SpoolWriteOptions {
  /** They survive a crash of the machine before the write resolves; in Redis as far as Redis is set to. */
  readonly durable: boolean
  /**
   * Bytes that must be free afterwards, where the storage tells: else it counts as full. So what comes in leaves room for what is made of
   * it, without which nothing could go out.
   */
  readonly leave?: number
}

/** Something that lies in the spool. */
export interface SpoolEntry {
  /** As it was written under; ending in `.writing…` where the write was not, or is not yet, completed. */
  readonly name: string
  /** Since it was written, in ms, by the storage's own clock. */
  readonly ageMs: number
}

/** Batch bytes between workers. Every implementation passes tests/contracts/spool.ts. */
export interface Spool {
  /** Names the storage behind it: two workers that see another id here do not share a spool. */
  id(): Promise<string>
  /**
   * Stores bytes under a name: all of them or nothing.
   * @throws SpoolUnavailableError `SPOOL_FULL` or `SPOOL_FAILED`
   */
  write(name: string, chunks: readonly Uint8Array[], options: SpoolWriteOptions): Promise<SpoolReference>
  /**
   * The bytes of a reference, checked against length and checksum; in `into` where they fit.
   * @throws SpoolLostError when they are gone or damaged
   * @throws SpoolUnavailableError `SPOOL_FAILED` when the storage does not answer
   */
  read(reference: SpoolReference, into?: Buffer): Promise<Buffer>
  /** Removes everything whose name begins with `prefix`, a folder ending in `/`; or the one thing of that name. */
  remove(prefix: string): Promise<void>
  /** Everything in it, in no order, also what was never completed; what comes and goes meanwhile may be missing. */
  list(): AsyncIterable<SpoolEntry>
  close(): Promise<void>
}
