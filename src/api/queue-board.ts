import { readFile } from 'node:fs'
import { createBullBoard } from '@bull-board/api'
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter'
import { ExpressAdapter } from '@bull-board/express'
import type { Express, RequestHandler } from 'express'
import { readLocationNames } from '../catalog/read/locations.ts'
import { queueKinds, queueName } from '../queues/jobs.ts'
import { redact } from '../redact.ts'
import type { Parts } from './parts.ts'
import { sendProblem } from './problem.ts'

/** How long the list of locations is taken for good, in ms. */
const freshMs = 1000

/** Bull Board over every queue of every location in the catalogue; a new location's appear with the next request. */
export function createQueueBoard({ pool, queues, logger }: Pick<Parts, 'pool' | 'queues' | 'logger'>, basePath: string): RequestHandler {
  const serverAdapter = new ExpressAdapter()
  serverAdapter.setBasePath(basePath)
  const bullBoard = createBullBoard({
    queues: [],
    serverAdapter,
    options: {
      uiConfig: { boardTitle: 'Millrace queues', miscLinks: [{ text: 'Millrace', url: '/' }] },
      // Formatters reach data and results only; errors, stacks, logs and scheduler templates pass through here too.
      handlerHooks: { after: (_context, result) => ({ ...result, body: redact(result.body) as typeof result.body }) },
    },
  })
  const router = serverAdapter.getRouter() as Express
  router.engine('ejs', renderEntry)
  router.disable('x-powered-by')
  const shown = new Set<string>()
  let readAt = -Infinity
  const refresh = async (): Promise<void> => {
    if (performance.now() - readAt < freshMs) return
    const names = await readLocationNames(pool)
    readAt = performance.now()
    for (const location of names) {
      for (const kind of queueKinds) {
        const name = queueName(location, kind)
        if (shown.has(name)) continue
        const adapter = new BullMQAdapter(queues.queue(location, kind), { delimiter: '.' })
        adapter.setFormatter('data', (value: unknown) => redact(value))
        adapter.setFormatter('returnValue', (value: unknown) => redact(value))
        adapter.setFormatter('progress', (value: unknown) => redact(value))
        bullBoard.addQueue(adapter)
        shown.add(name)
      }
    }
  }
  return (request, response, next) => {
    refresh().then(
      () => router(request, response, next),
      (error: unknown) => {
        sendProblem(response, error, logger)
      },
    )
  }
}

/**
 * Bull Board's one template, without what our Content-Security-Policy forbids: fonts from elsewhere and styles in the markup.
 * The file is that of the pinned version; it knows `<%= escaped %>` and `<%- raw %>` only.
 */
function renderEntry(path: string, values: object, done: (error: unknown, rendered?: string) => void): void {
  readFile(path, 'utf8', (error, template) => {
    if (error === null) done(null, entryOf(template, new Map<string, unknown>(Object.entries(values))))
    else done(error)
  })
}

function entryOf(template: string, values: ReadonlyMap<string, unknown>): string {
  return template
    .replaceAll(/<link[^>]*fonts\.googleapis\.com[^>]*>/g, '')
    .replaceAll(/<style>[\s\S]*?<\/style>/g, '')
    .replaceAll(/ style="[^"]*"/g, '')
    .replaceAll(/<%([=-])\s*(\w+)\s*%>/g, (_match, mode: string, name: string) => {
      const value = values.get(name)
      const text = typeof value === 'string' ? value : ''
      return mode === '-' ? text : text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;')
    })
}
