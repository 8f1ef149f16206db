import { join } from 'node:path'
import { readConfig } from '../../src/config.ts'
import { openSpool } from '../../src/spool/open-spool.ts'
import { startRelay } from '../support/relay.ts'
import type { Relay } from '../support/relay.ts'
import { startS3Server } from '../support/s3.ts'
import { atFileEnd, startRedisServer, temporaryFolder } from '../support/test.ts'

export type SpoolKind = 'files' | 'redis' | 's3'

/** The spool of a cluster. */
export interface ChaosSpool {
  readonly env: Readonly<Record<string, string>>
  /** The way to it, which can be cut; files have none. */
  readonly relay: Relay | undefined
  /** The names of all that is in it. */
  names(): Promise<string[]>
}

/** Starts what a cluster's spool of this kind needs. @param folder where files go */
export async function startChaosSpool(kind: SpoolKind, folder: string): Promise<ChaosSpool> {
  const { relay, env } = await serverOf(kind, folder)
  const names = async (): Promise<string[]> => {
    const spool = await openSpool(readConfig(env).spool)
    const found: string[] = []
    try {
      for await (const { name } of spool.list()) found.push(name)
    } finally {
      await spool.close()
    }
    return found
  }
  return { env, relay, names }
}

async function serverOf(kind: SpoolKind, folder: string): Promise<{ relay: Relay | undefined; env: Record<string, string> }> {
  if (kind === 'files') return { relay: undefined, env: { MILLRACE_SPOOL: folder } }
  if (kind === 'redis') {
    const server = await startRedisServer(join(await temporaryFolder(), 'redis'))
    atFileEnd(() => server.stop())
    const relay = await startRelay(server.port)
    return { relay, env: { MILLRACE_SPOOL: `redis://127.0.0.1:${String(relay.port)}` } }
  }
  const { url, bucket, env } = await startS3Server()
  const relay = await startRelay(Number(new URL(url).port))
  return { relay, env: { ...env, AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${String(relay.port)}`, MILLRACE_SPOOL: `s3://${bucket}/spool` } }
}
