import { createHash, generateKeyPairSync } from 'node:crypto'
import { closeSync, fstatSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import type { Stats } from 'node:fs'
import { join } from 'node:path'
import ssh2 from 'ssh2'
import type { Attributes, Connection, SFTPWrapper } from 'ssh2'
import { atFileEnd } from './cleanup.ts'

export interface SftpServer {
  readonly port: number
  /** The fingerprint of its key. */
  readonly hostKey: string
}

const { Server, utils } = ssh2
const status = utils.sftp.STATUS_CODE

/** An SFTP server on a free port of 127.0.0.1 that shows a folder to one user, by password. */
export async function startSftpServer(folder: string, user: { readonly name: string; readonly password: string }): Promise<SftpServer> {
  // Of the ed25519 keys that ssh2 makes itself, one in two hundred is malformed.
  const { privateKey: key } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'sec1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  const connections = new Set<Connection>()
  const server = new Server({ hostKeys: [key] }, (client) => {
    connections.add(client)
    // Else each of its many small answers waits for the one before to be confirmed. The types do not know it.
    ;(client as Connection & { setNoDelay: (on: boolean) => unknown }).setNoDelay(true)
    client.on('error', () => undefined).on('close', () => connections.delete(client))
    client.on('authentication', (asked) => {
      if (asked.method === 'password' && asked.username === user.name && asked.password === user.password) asked.accept()
      else asked.reject(['password'])
    })
    client.on('session', (accept) => accept().on('sftp', (acceptSftp) => serve(acceptSftp(), folder)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  atFileEnd(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        for (const connection of connections) connection.end()
      }),
  )
  const parsed = utils.parseKey(key)
  if (parsed instanceof Error) throw parsed
  const hostKey = `SHA256:${createHash('sha256').update(parsed.getPublicSSH()).digest('base64').replace(/=$/, '')}`
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the SFTP server has no port')
  return { port: address.port, hostKey }
}

function serve(sftp: SFTPWrapper, folder: string): void {
  /** Open files, and folders that are still to be listed, by the number in their handle. */
  const handles: ({ readonly file: number } | { list: readonly string[] | undefined })[] = []
  const handleOf = (one: (typeof handles)[number]): Buffer => {
    const handle = Buffer.alloc(4)
    handle.writeUInt32BE(handles.push(one) - 1)
    return handle
  }
  const attempt = (request: number, work: () => void): void => {
    try {
      work()
    } catch {
      sftp.status(request, status.NO_SUCH_FILE, 'No such file')
    }
  }
  const attributesOf = (path: string): Attributes => attributesFrom(statSync(path))
  sftp.on('STAT', (request, path) => attempt(request, () => sftp.attrs(request, attributesOf(join(folder, path)))))
  sftp.on('OPEN', (request, path) => attempt(request, () => sftp.handle(request, handleOf({ file: openSync(join(folder, path), 'r') }))))
  sftp.on('OPENDIR', (request, path) => attempt(request, () => sftp.handle(request, handleOf({ list: readdirSync(join(folder, path)) }))))
  sftp.on('FSTAT', (request, handle) => {
    const one = handles[handle.readUInt32BE()]
    if (one === undefined || !('file' in one)) return sftp.status(request, status.FAILURE)
    return sftp.attrs(request, attributesFrom(fstatSync(one.file)))
  })
  sftp.on('READ', (request, handle, offset, length) => {
    const one = handles[handle.readUInt32BE()]
    if (one === undefined || !('file' in one)) return sftp.status(request, status.FAILURE)
    const bytes = Buffer.alloc(Math.min(length, 32 * 1024))
    const count = readSync(one.file, bytes, 0, bytes.length, offset)
    return count === 0 ? sftp.status(request, status.EOF) : sftp.data(request, bytes.subarray(0, count))
  })
  sftp.on('READDIR', (request, handle) => {
    const one = handles[handle.readUInt32BE()]
    if (one === undefined || !('list' in one) || one.list === undefined) return sftp.status(request, status.EOF)
    const names = one.list.map((filename) => ({ filename, longname: filename, attrs: attributesOf(join(folder, filename)) }))
    one.list = undefined
    return sftp.name(request, names)
  })
  sftp.on('CLOSE', (request, handle) => {
    const one = handles[handle.readUInt32BE()]
    if (one !== undefined && 'file' in one) closeSync(one.file)
    sftp.status(request, status.OK)
  })
}

function attributesFrom({ mode, uid, gid, size, atimeMs, mtimeMs }: Stats): Attributes {
  return { mode, uid, gid, size, atime: Math.floor(atimeMs / 1000), mtime: Math.floor(mtimeMs / 1000) }
}
