import { execFile } from 'node:child_process'
import { chmod, chown, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { serverUser } from '../../src/embedded/server-user.ts'
import { temporaryFolder } from './cleanup.ts'

export interface Certificates {
  /** The authority that signed the server's. */
  readonly caFile: string
  /** Another authority, which signed nothing. */
  readonly strangerFile: string
  readonly certFile: string
  /** Readable by the embedded server's user alone. */
  readonly keyFile: string
}

const run = promisify(execFile)

/** An authority and a server's certificate of its for 127.0.0.1, and for no name, made by the machine's openssl. */
export async function createCertificates(): Promise<Certificates> {
  const folder = await temporaryFolder()
  const path = (name: string): string => join(folder, name)
  const openssl = (...args: string[]) => run('openssl', args)
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  for (const name of ['ca', 'stranger'])
    await openssl('req', '-x509', ...newKey, '-days', '2', '-subj', `/CN=${name}`, '-keyout', path(`${name}.key`), '-out', path(`${name}.pem`))
  await openssl('req', ...newKey, '-subj', '/CN=server', '-keyout', path('server.key'), '-out', path('server.csr'))
  await writeFile(path('extensions'), 'subjectAltName = IP:127.0.0.1\n')
  const signed = ['-CA', path('ca.pem'), '-CAkey', path('ca.key'), '-CAcreateserial', '-extfile', path('extensions')]
  await openssl('x509', '-req', '-in', path('server.csr'), ...signed, '-days', '2', '-out', path('server.pem'))
  const user = await serverUser(path('data'))
  await chmod(path('server.key'), 0o600)
  if (user !== null) await chown(path('server.key'), user.uid, user.gid)
  return { caFile: path('ca.pem'), strangerFile: path('stranger.pem'), certFile: path('server.pem'), keyFile: path('server.key') }
}
