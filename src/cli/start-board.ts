import { hostname } from 'node:os'
import { createBoard } from '../board.ts'
import type { Board } from '../board.ts'
import { tellBoardAddress } from '../catalog/board-address.ts'
import { createPool } from '../catalog/database.ts'
import type { Config } from '../config.ts'
import type { Logger } from '../logger.ts'
import { createQueues } from '../queues/queues.ts'
import type { Installation } from './installation.ts'

/** A board, and what it holds once it has a database. */
export interface RunningBoard {
  readonly board: Board
  /** Connects it to an installation. */
  connect(installation: Installation): void
  stop(): Promise<void>
}

/** Starts the web server; it answers at once, and says what it waits for until it is connected. */
export async function startBoard(config: Config, logger: Logger): Promise<RunningBoard> {
  const board = await createBoard({ logger, host: config.host, port: config.port, insecure: config.insecure, hosts: config.hosts })
  let close: () => Promise<void> = async () => undefined
  return {
    board,
    connect({ databaseUrl }) {
      const pool = createPool({ url: databaseUrl, max: 6, name: 'millrace board', logger })
      const queues = createQueues({ databaseUrl, redisUrl: config.redisUrl, prefix: config.queuePrefix, logger })
      board.ready({ pool, queues, databaseUrl })
      const told = tellBoardAddress(pool, { url: board.url, machine: hostname() }).catch((error: unknown) =>
        logger.debug({ err: error }, 'not written down where the board is; doctor looks where the settings say'),
      )
      close = async () => {
        await told
        await queues.close()
        await pool.end()
      }
    },
    async stop() {
      await board.close()
      await close()
    },
  }
}
