import { createHash } from 'node:crypto'
import type { Client, ConnectConfig, SFTPWrapper } from 'ssh2'
import { ConfigError, MillraceError, SourceError } from '../errors.ts'
import type { Connections } from './opened-file.ts'
import { decodedUrlPart } from './redact.ts'
import type { SftpSettings } from './sftp-settings.ts'

/** Milliseconds until the server has let us in. */
const readyTimeout = 20_000

/** A connection to an SFTP server. */
export interface SftpSession {
  readonly files: SFTPWrapper
  /** Rejects when the connection ends. */
  readonly lost: Promise<never>
  readonly close: () => void
}

/** Signs in. @throws SourceError `SOURCE_SFTP` and the like; ConfigError `SFTP_PACKAGE_MISSING`, `SFTP_HOST_KEY` */
export async function signIn(address: string, name: string, { signal, sftp }: Connections): Promise<SftpSession> {
  signal?.throwIfAborted()
  const { Client: SshClient } = await loadPackage()
  const client = new SshClient()
  const end = Promise.withResolvers<never>()
  end.promise.catch(() => undefined)
  const known = { other: undefined as string | undefined }
  const abort = (): void => {
    end.reject(signal?.reason)
    client.destroy()
  }
  signal?.addEventListener('abort', abort, { once: true })
  const close = (): void => {
    signal?.removeEventListener('abort', abort)
    client.end()
  }
  client.on('error', end.reject).on('close', () => end.reject(new Error('the connection was closed')))
  try {
    return { files: await Promise.race([connected(client, configOf(address, name, sftp, known)), end.promise]), lost: end.promise, close }
  } catch (cause) {
    close()
    client.destroy()
    if (signal?.aborted === true) throw signal.reason
    throw known.other === undefined ? explainSftp(cause, name) : otherKey(name, known.other)
  }
}

async function connected(client: Client, config: ConnectConfig): Promise<SFTPWrapper> {
  const ready = new Promise<void>((resolve) => client.once('ready', resolve))
  // Its many small requests would each wait up to 40 ms for the answer to the one before.
  client.connect(config).setNoDelay(true)
  await ready
  return new Promise((resolve, reject) => client.sftp((error, files) => (error === undefined ? resolve(files) : reject(error))))
}

function configOf(address: string, name: string, settings: SftpSettings | undefined, known: { other: string | undefined }): ConnectConfig {
  const fingerprints = [settings?.hostKey ?? []].flat()
  if (fingerprints.length === 0 || !fingerprints.every((one) => /^SHA256:[A-Za-z0-9+/]{43}=?$/.test(one))) {
    throw new ConfigError(`${name} is read without knowing the server’s key`, {
      code: 'SFTP_HOST_KEY',
      hint: 'Give `sftp: { hostKey: "SHA256:…" }`: the fingerprint that `ssh-keyscan HOST | ssh-keygen -lf -` prints, compared with what its owner says.',
    })
  }
  const url = new URL(address)
  const password = settings?.password ?? decodedUrlPart(url.password)
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 22 : Number(url.port),
    username: settings?.username ?? decodedUrlPart(url.username),
    readyTimeout,
    ...(password === '' ? {} : { password }),
    ...(settings?.privateKey === undefined ? {} : { privateKey: settings.privateKey }),
    ...(settings?.passphrase === undefined ? {} : { passphrase: settings.passphrase }),
    hostVerifier: (key: Buffer) => {
      const found = `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=$/, '')}`
      if (fingerprints.some((one) => one.replace(/=$/, '') === found)) return true
      known.other = found
      return false
    },
  }
}

/** A path from the server's root, or, after `/~/`, from the folder that one signs in to. */
export function pathOf(address: string): string {
  const [, path = ''] = /^sftp:\/\/[^/]+(\/.*)$/is.exec(address) ?? []
  return decodedUrlPart(path).replace(/^\/~\//, '')
}

function otherKey(name: string, found: string): SourceError {
  return new SourceError(`The server of ${name} has the key ${found}, which is none of those that it is known by`, {
    code: 'SFTP_HOST_KEY',
    retryable: false,
    hint: 'Ask its owner whether the key was changed; if not, somebody else answers there. Nothing was sent to it.',
  })
}

/** ssh2 says what went wrong by `level`, and SFTP by a number in `code`. */
export function explainSftp(cause: unknown, name: string): unknown {
  if (!(cause instanceof Error) || cause instanceof MillraceError) return cause
  const { code, level } = cause as Error & { readonly code?: unknown; readonly level?: unknown }
  const [kind, hint] =
    level === 'client-authentication'
      ? (['SOURCE_UNAUTHORIZED', 'Check user, password and key: the server takes none of them.'] as const)
      : code === 2
        ? (['SOURCE_NOT_FOUND', 'Check the path; nothing is there. After /~/ it begins at the folder that one signs in to.'] as const)
        : code === 3
          ? (['SOURCE_FORBIDDEN', 'This user may not read it: give it the right, or use another.'] as const)
          : (['SOURCE_SFTP', 'See whether the server is up and reachable from this machine.'] as const)
  return new SourceError(`${name} cannot be read: ${cause.message}`, { code: kind, retryable: kind === 'SOURCE_SFTP', hint, cause })
}

async function loadPackage(): Promise<typeof import('ssh2')> {
  try {
    // A CommonJS package, whose exports Node.js does not all see by name.
    const loaded = await import('ssh2')
    return loaded.default ?? loaded
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')) throw error
    throw new ConfigError('SFTP is used, and the package ssh2 is not installed.', {
      code: 'SFTP_PACKAGE_MISSING',
      hint: 'Install it beside millrace: npm install ssh2',
      cause: error,
    })
  }
}
