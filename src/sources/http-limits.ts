/** What a server may do to us at most; what is beyond ends the request with one clear error. Times count while we wait for the server, not while a page is worked on. */
export interface HttpLimits {
  /** The longest silence, in milliseconds: before the headers of the answer are whole, and between two parts of its body. */
  readonly idleTimeoutMs: number
  /** The longest that an answer of `fetchBytes` may take in all, in milliseconds. A stream may take as long as its step. */
  readonly totalTimeoutMs: number
  /** The slowest body that is waited for, in bytes a second over each `minRateWindowMs`; 0: any. */
  readonly minBytesPerSecond: number
  /** Milliseconds over which `minBytesPerSecond` is an average. */
  readonly minRateWindowMs: number
  /** The most bytes of a body that `fetchBytes` takes, decompressed. */
  readonly maxBodyBytes: number
  /** The most bytes that a stream takes, decompressed. */
  readonly maxStreamBytes: number
  /** How many times as large as what was sent a body may become when it is decompressed. Its first 16 MiB are free. */
  readonly maxCompressionRatio: number
  /** How many times over a body may be compressed. */
  readonly maxContentEncodings: number
  /** Bytes of all headers of an answer together. */
  readonly maxHeaderBytes: number
  readonly maxRedirects: number
  /** Whether a redirect from one host to a private address of another is followed: `as-first`, only where the first address is private itself. */
  readonly privateRedirects: 'as-first' | 'follow' | 'refuse'
}

const mebibyte = 1024 * 1024

const httpLimitDefaults: HttpLimits = {
  idleTimeoutMs: 30_000,
  totalTimeoutMs: 600_000,
  minBytesPerSecond: 128,
  minRateWindowMs: 60_000,
  maxBodyBytes: 256 * mebibyte,
  maxStreamBytes: mebibyte * mebibyte,
  maxCompressionRatio: 250,
  maxContentEncodings: 5,
  maxHeaderBytes: 16 * 1024,
  maxRedirects: 20,
  privateRedirects: 'as-first',
}

/** Decompressed bytes up to which the ratio does not matter: real rows that are all alike compress as well as a bomb does. */
export const freeDecompressedBytes = 16 * mebibyte

/** The limits of a client: the defaults, but for what its options say. */
export function httpLimitsOf(options: Partial<HttpLimits>): HttpLimits {
  return {
    idleTimeoutMs: options.idleTimeoutMs ?? httpLimitDefaults.idleTimeoutMs,
    totalTimeoutMs: options.totalTimeoutMs ?? httpLimitDefaults.totalTimeoutMs,
    minBytesPerSecond: options.minBytesPerSecond ?? httpLimitDefaults.minBytesPerSecond,
    minRateWindowMs: options.minRateWindowMs ?? httpLimitDefaults.minRateWindowMs,
    maxBodyBytes: options.maxBodyBytes ?? httpLimitDefaults.maxBodyBytes,
    maxStreamBytes: options.maxStreamBytes ?? httpLimitDefaults.maxStreamBytes,
    maxCompressionRatio: options.maxCompressionRatio ?? httpLimitDefaults.maxCompressionRatio,
    maxContentEncodings: options.maxContentEncodings ?? httpLimitDefaults.maxContentEncodings,
    maxHeaderBytes: options.maxHeaderBytes ?? httpLimitDefaults.maxHeaderBytes,
    maxRedirects: options.maxRedirects ?? httpLimitDefaults.maxRedirects,
    privateRedirects: options.privateRedirects ?? httpLimitDefaults.privateRedirects,
  }
}
