import { createBoard } from '../../src/board.ts'
import type { Board, BoardOptions } from '../../src/board.ts'
import { createLogger } from '../../src/logger.ts'
import { createQueues } from '../../src/queues/queues.ts'
import type { Queues } from '../../src/queues/queues.ts'
import { atFileEnd, queuePrefix, redisUrl } from '../support/test.ts'
import type { Backend, TestDatabase } from '../support/test.ts'

export const quiet = createLogger({ level: process.env['TEST_LOG_LEVEL'] ?? 'silent', pretty: false })

/** Queues on a backend, closed at the file's end. */
export function startQueues(database: TestDatabase, backend: Backend = 'postgres'): Queues {
  const queues = createQueues({ databaseUrl: database.url, prefix: queuePrefix, logger: quiet, ...(backend === 'redis' ? { redisUrl } : {}) })
  atFileEnd(() => queues.close())
  return queues
}

/** A board on a free port, closed at the file's end. */
export async function startBoard(options: Partial<BoardOptions> = {}): Promise<Board> {
  const board = await createBoard({ logger: quiet, host: '127.0.0.1', port: 0, insecure: false, ...options })
  atFileEnd(() => board.close())
  return board
}

export async function getJson(url: string, init?: RequestInit): Promise<{ status: number; body: unknown }> {
  const response = await fetch(url, init)
  return { status: response.status, body: await response.json() }
}
