import type { RequestHandler } from 'express'
import { readSchemaVersion } from '../catalog/read/schema-version.ts'
import { redactText } from '../redact.ts'
import type { Parts } from './parts.ts'

/** `ok`, or what is wrong. */
type Health = string

/** Longer than this is as good as down, in ms. */
const patienceMs = 2000

/** The process lives. */
export const healthz: RequestHandler = (_request, response) => {
  response.set('cache-control', 'no-store').json({ status: 'ok' })
}

/** 200 when work can be taken on; else 503 and which part is missing. `starting` says what the board waits for while it has no parts. */
export function readyz(parts: () => Parts | undefined, starting: () => string): RequestHandler {
  return async (_request, response) => {
    const ready = parts()
    const health = ready === undefined ? { database: starting(), schema: 'unknown', queues: 'unknown' } : await healthOf(ready)
    const missing = Object.entries(health).filter(([, state]) => state !== 'ok' && state !== 'unknown')
    response.set('cache-control', 'no-store')
    if (missing.length === 0) {
      response.json({ status: 'ready', parts: health })
      return
    }
    response
      .status(503)
      .type('application/problem+json')
      .send(
        JSON.stringify({
          type: 'about:blank',
          title: 'Service Unavailable',
          status: 503,
          code: ready === undefined ? 'STARTING' : 'NOT_READY',
          detail: missing.map(([part, state]) => `${part}: ${state}`).join('; '),
          hint: ready === undefined ? 'Try again in a moment.' : 'Run `millrace doctor`.',
          parts: health,
        }),
      )
  }
}

async function healthOf({ pool, queues }: Parts): Promise<{ database: Health; schema: Health; queues: Health }> {
  const [database, queueBackend] = await Promise.all([within(pool.query('SELECT 1')), within(queues.connection.ping())])
  return { database, schema: database === 'ok' ? await within(requireNewestSchema({ pool })) : 'unknown', queues: queueBackend }
}

/** @throws Error that says what to do when the schema is not the newest. */
async function requireNewestSchema({ pool }: Pick<Parts, 'pool'>): Promise<void> {
  const { applied, newest } = await readSchemaVersion(pool)
  if (applied !== newest) throw new Error(`at ${applied ?? 'nothing'}, this program needs ${newest}: run \`millrace migrate\``)
}

async function within(work: Promise<unknown>): Promise<Health> {
  const late = Promise.withResolvers<Health>()
  const timer = setTimeout(() => late.resolve(`no answer within ${String(patienceMs / 1000)} s`), patienceMs)
  try {
    return await Promise.race([
      work.then(
        () => 'ok',
        (error: unknown) => redactText(error instanceof Error ? error.message || error.name : String(error)),
      ),
      late.promise,
    ])
  } finally {
    clearTimeout(timer)
  }
}
