/** Where bytes lie in the spool, and how to know that they are whole. */
export interface SpoolReference {
  readonly name: string
  /** Length in bytes. */
  readonly bytes: number
  /** CRC-32 of all bytes. */
  readonly crc: number
}

/** Batch bytes between workers. Every implementation passes tests/contracts/spool.ts. */
export interface Spool {
  /** Names the storage behind it: two workers that see another id here do not share a spool. */
  id(): Promise<string>
  /**
   * Stores bytes under a name. With `durable` they survive a crash of the machine before this resolves.
   * @throws MillraceError `SPOOL_FULL` or `SPOOL_FAILED`, both retryable
   */
  write(name: string, chunks: readonly Uint8Array[], options: { readonly durable: boolean }): Promise<SpoolReference>
  /**
   * The bytes of a reference, checked against length and checksum; in `into` where they fit.
   * @throws SpoolLostError when they are gone or damaged
   */
  read(reference: SpoolReference, into?: Buffer): Promise<Buffer>
  /** Removes everything whose name begins with `prefix`, a folder ending in `/`. */
  remove(prefix: string): Promise<void>
}
