import { migrate } from '../../src/catalog/migrate.ts'
import { createEmbeddedPostgres, type EmbeddedPostgres } from '../../src/embedded/embedded-postgres.ts'
import { isAlive } from '../../src/embedded/process-identity.ts'
import { atFileEnd, temporaryFolder } from './cleanup.ts'
import { waitFor } from './wait-for.ts'

export interface DurablePostgres {
  /** The same before and after a restart. */
  readonly url: string
  readonly port: number
  /** SIGKILL to the server, as a crash; resolves when the process is gone. */
  kill(): Promise<void>
  /** Starts it again, on the same folder and port, after `kill` or `stop`. */
  restart(): Promise<void>
  /** Ends it orderly; happens at the file's end by itself. */
  stop(): Promise<void>
}

/** A database server of its own whose commits outlive a crash (fsync and synchronous_commit on), with our schemas in it. */
export async function createDurablePostgres(settings: Readonly<Record<string, string>> = {}): Promise<DurablePostgres> {
  const folder = await temporaryFolder()
  const start = (port?: number) => createEmbeddedPostgres({ folder, durable: true, settings, ...(port === undefined ? {} : { port }) })
  let server: EmbeddedPostgres | null = await start()
  const { url, port } = server
  const stop = async () => {
    await server?.close()
    server = null
  }
  atFileEnd(stop)
  await migrate({ databaseUrl: url, queuesInPostgres: true })
  return {
    url,
    port,
    async kill() {
      if (server === null) throw new Error('the database is not running')
      const { pid } = server
      process.kill(pid, 'SIGKILL')
      await waitFor(() => !isAlive(pid), { what: `database server ${pid} to be gone` })
      await stop() // frees the folder
    },
    async restart() {
      await stop()
      server = await start(port)
    },
    stop,
  }
}
