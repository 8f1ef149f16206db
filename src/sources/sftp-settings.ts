/** Who signs in to an SFTP server, and by what the server is known. */
export interface SftpSettings {
  /**
   * The fingerprint of the server's key, or of each that it may have: `SHA256:…`, as `ssh-keyscan HOST | ssh-keygen -lf -` prints it.
   * A server with another key is refused before anything is said to it.
   */
  readonly hostKey: string | readonly string[]
  /** Default: the address's. */
  readonly username?: string
  /** Default: the address's. */
  readonly password?: string
  /** In OpenSSH or PEM format: the text, not its path. */
  readonly privateKey?: string
  /** Of the private key. */
  readonly passphrase?: string
}
