import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import express from 'express'
import type { ErrorRequestHandler, Express, RequestHandler } from 'express'
import helmet from 'helmet'
import type pg from 'pg'
import { changesOf, createLocationReader, createPartitionCounter } from './api/catalog-access.ts'
import { createChangeStream } from './api/change-stream.ts'
import { changeGuard, hostGuard, isLoopback } from './api/guards.ts'
import { healthz, readyz } from './api/health.ts'
import { apiBase, apiRoutes, openApiDocument } from './api/openapi.ts'
import type { Parts } from './api/parts.ts'
import { HttpError, problemOf, sendProblem } from './api/problem.ts'
import { exportQuarantine } from './api/quarantine.ts'
import { createQueueBoard } from './api/queue-board.ts'
import { mountRoutes } from './api/route.ts'
import { ConfigError } from './errors.ts'
import type { Logger } from './logger.ts'
import type { Queues } from './queues/queues.ts'
import { startingPage } from './ui/layout.ts'
import { formPaths, pageRouter, sendProblemPage } from './ui/pages.ts'

export interface BoardParts {
  readonly pool: pg.Pool
  readonly queues: Queues
  /** Where changes are heard; the pool's own address when absent. */
  readonly databaseUrl?: string
}

export interface BoardOptions extends Partial<BoardParts> {
  readonly logger: Logger
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** Serve on an address that others reach, without sign-in. */
  readonly insecure: boolean
  /** Names that it is served under, besides localhost and `host`. */
  readonly hosts?: readonly string[]
}

export interface Board {
  readonly url: string
  /** Says what the board still waits for; shown by its page and /readyz until it is ready. */
  starting(what: string): void
  /** Gives the board its database and queues, from when on it serves everything. Both stay the caller's to close, after the board. */
  ready(parts: BoardParts): void
  close(): Promise<void>
}

const queuesPath = '/queues'
const staticFolder = fileURLToPath(new URL('./ui/static/', import.meta.url))

/**
 * Starts the web server: pages, JSON API, Bull Board. It listens before the database is there.
 * @throws ConfigError `HOST_NOT_LOOPBACK` for an address that others reach, unless `insecure`; `PORT_TAKEN`; `HOST_INVALID`.
 */
export async function createBoard({ logger, host, port, insecure, hosts = [], pool, queues, databaseUrl }: BoardOptions): Promise<Board> {
  if (!isLoopback(host) && !insecure) {
    throw new ConfigError(`The board does not start on ${host}: whoever reaches that address could start and cancel runs, without signing in.`, {
      code: 'HOST_NOT_LOOPBACK',
      hint: 'Leave HOST unset (127.0.0.1), or set MILLRACE_INSECURE=1 where only people you trust reach it.',
    })
  }
  const stream = createChangeStream()
  let parts: Parts | undefined
  let waitingFor = 'The database is being started.'
  let stopListening: (() => Promise<void>) | undefined
  let queueBoard: RequestHandler | undefined
  const partsOrThrow = (): Parts => {
    if (parts === undefined) throw new HttpError(503, 'STARTING', waitingFor, { hint: 'Try again in a moment.' })
    return parts
  }

  const app = express()
  app.disable('x-powered-by')
  app.set('query parser', 'simple')
  app.use(securityHeaders())
  app.get('/healthz', healthz)
  app.use(hostGuard([host, ...hosts]))
  app.use(changeGuard(formPaths))
  app.get(
    '/readyz',
    readyz(
      () => parts,
      () => waitingFor,
    ),
  )
  app.use('/static', express.static(staticFolder, { index: false, maxAge: '1h' }))
  app.get('/favicon.ico', (_request, response) => response.redirect(308, '/static/favicon.svg'))
  app.get('/api/openapi.json', (_request, response) => response.json(openApiDocument()))
  app.get(`${apiBase}/events/stream`, stream.handler)
  app.get(`${apiBase}/quarantine`, exportQuarantine(partsOrThrow))
  app.use(apiBase, express.json({ limit: '1mb' }), mountRoutes(apiRoutes, partsOrThrow))
  app.use((_request, response, next) => {
    if (parts === undefined) response.status(503).set({ 'cache-control': 'no-store', 'retry-after': '1' }).send(startingPage(waitingFor))
    else next()
  })
  app.use(queuesPath, (request, response, next) => queueBoard?.(request, response, next))
  app.use(pageRouter(partsOrThrow))
  finish(app, logger)

  const servers = await listen(app, host, port)
  const board: Board = {
    url: `http://${host === '127.0.0.1' || host === '::1' || host === '0.0.0.0' ? 'localhost' : host}:${String(servers.port)}`,
    starting(what) {
      waitingFor = what
    },
    ready(given) {
      const fresh: Parts = { pool: given.pool, queues: given.queues, logger, locations: createLocationReader(), partitionCounter: createPartitionCounter() }
      queueBoard = createQueueBoard(fresh, queuesPath)
      const changes = changesOf(given.pool, given.databaseUrl, logger)
      stopListening = () => changes.close()
      stream.follow(changes)
      parts = fresh
    },
    async close() {
      stream.close()
      await Promise.all(servers.all.map(closeServer))
      await stopListening?.()
    },
  }
  if (pool !== undefined && queues !== undefined) board.ready({ pool, queues, ...(databaseUrl === undefined ? {} : { databaseUrl }) })
  return board
}

function securityHeaders(): RequestHandler {
  return helmet({
    // The board is served over plain HTTP: neither may be promised.
    strictTransportSecurity: false,
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        // The hash is of the style inside the picture of Bull Board's button for the data store.
        styleSrc: ["'self'", "'sha256-r2N1TB/gHbBtBZFKg7ejmq1acVSREzucTAEw6ga4hoU='"],
        imgSrc: ["'self'", 'data:'],
        objectSrc: ["'none'"],
        baseUri: ["'self'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
    },
    // Not no-referrer: with it a form's Origin is null, and our own forms would be refused.
    referrerPolicy: { policy: 'same-origin' },
  })
}

/** What no route answered, and what a route threw: problem details for programs, a page for people. */
function finish(app: Express, logger: Logger): void {
  app.use((request, _response, next) => {
    next(new HttpError(404, 'NOT_FOUND', `There is nothing at ${request.path}.`, { hint: 'The overview is at /, the API at /api/openapi.json.' }))
  })
  const onError: ErrorRequestHandler = (error: unknown, request, response, _next) => {
    const forPerson = !request.path.startsWith('/api') && !request.path.startsWith(queuesPath) && request.accepts(['json', 'html']) === 'html'
    if (!forPerson || response.headersSent) {
      sendProblem(response, error, logger)
      return
    }
    if (problemOf(error).status === 500) logger.error({ err: error, path: request.path }, 'page failed')
    sendProblemPage(response, error)
  }
  app.use(onError)
}

interface Listening {
  readonly port: number
  readonly all: readonly Server[]
}

/** For loopback the IPv6 address too, where there is one: a browser may look there first for localhost. */
async function listen(app: Express, host: string, port: number): Promise<Listening> {
  const first = await listenOn(app, host === 'localhost' ? '127.0.0.1' : host, port)
  const taken = (first.address() as AddressInfo).port
  if (host !== 'localhost' && host !== '127.0.0.1') return { port: taken, all: [first] }
  try {
    return { port: taken, all: [first, await listenOn(app, '::1', taken)] }
  } catch {
    // No IPv6 here, or another program has that port on it: IPv4 serves.
    return { port: taken, all: [first] }
  }
}

async function listenOn(app: Express, host: string, port: number): Promise<Server> {
  const server = createServer(app)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, host, resolve)
    })
    return server
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'EADDRINUSE') {
      throw new ConfigError(`Port ${String(port)} on ${host} is taken by another program.`, {
        code: 'PORT_TAKEN',
        hint: `End that program, or choose another port: PORT=${String(port + 1)}.`,
        cause: error,
      })
    }
    throw new ConfigError(`The board cannot listen on ${host}:${String(port)}.`, { code: 'HOST_INVALID', hint: 'Mend HOST or PORT.', cause: error })
  }
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve())
  })
  server.closeAllConnections()
  await closed
}
