/** How much is looked at. */
export interface Limits {
  /** Of what is read, for messages. */
  readonly name: string
  /** The most rows. */
  readonly rows: number
  /** The most bytes, decompressed; reading ends with the page that reaches them. */
  readonly bytes: number
  /** Told how far it is. */
  readonly onProgress: (bytes: number, rows: number) => void
}
