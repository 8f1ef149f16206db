import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { RequestHandler } from 'express'
import * as z from 'zod'
import { quarantineLine, readQuarantine, sizeOfQuarantine } from '../catalog/read/quarantine.ts'
import type { QuarantineFilter, QuarantineRead } from '../catalog/read/quarantine.ts'
import type { Parts } from './parts.ts'
import { HttpError, sendProblem } from './problem.ts'

/** Which records in quarantine: of an asset, a location, a run, and a state. */
export const QuarantineQuery = z.object({
  asset: z.string().optional(),
  location: z.string().optional(),
  run: z.uuid().optional(),
  state: z.enum(['kept', 'discarded', 'redriven']).default('kept'),
  after: z
    .string()
    .regex(/^\d{1,18}$/)
    .default('0')
    .meta({ description: 'The id after which to go on.' }),
})
export type QuarantineQuery = z.output<typeof QuarantineQuery>

/** @throws HttpError 400 */
export function parseQuarantineQuery(query: unknown): QuarantineQuery {
  const parsed = QuarantineQuery.safeParse(query)
  if (parsed.success) return parsed.data
  const errors = parsed.error.issues.map(({ path, message }) => ({ path: ['query', ...path].join('.'), message }))
  throw new HttpError(400, 'REQUEST_INVALID', `The address asks for what there is not: ${errors.map((one) => `${one.path} (${one.message})`).join(', ')}.`, {
    hint: 'See /api/openapi.json.',
    errors,
  })
}

const filterOf = ({ asset, location, run, state }: QuarantineQuery): QuarantineFilter => ({ asset, location, runId: run, state })

export interface QuarantinePage {
  readonly query: QuarantineQuery
  readonly records: readonly QuarantineRead[]
  /** How many there are in all. */
  readonly size: number
  /** The id after which the next page begins. */
  readonly next: string | undefined
}

/** Some of the records, the oldest first. */
export async function quarantinePage({ pool }: Pick<Parts, 'pool'>, query: QuarantineQuery, limit: number): Promise<QuarantinePage> {
  const [found, size] = await Promise.all([readQuarantine(pool, filterOf(query), query.after, limit + 1), sizeOfQuarantine(pool, filterOf(query))])
  const records = found.slice(0, limit)
  return { query, records, size, next: found.length > limit ? records.at(-1)?.id : undefined }
}

/** Few enough that a page of large records stays in memory, many enough that the round trips do not count. */
const linesAtOnce = 100

/** The same lines, once the first was read: what fails before it is answered, and does not end the connection. */
async function begun(lines: AsyncGenerator<string, void, undefined>): Promise<AsyncIterable<string>> {
  const first = await lines.next()
  return (async function* () {
    if (first.done === true) return
    yield first.value
    yield* lines
  })()
}

async function* linesOf({ pool }: Pick<Parts, 'pool'>, query: QuarantineQuery): AsyncGenerator<string, void, undefined> {
  for (let { after } = query; ;) {
    const found = await readQuarantine(pool, filterOf(query), after, linesAtOnce)
    for (const one of found) yield `${quarantineLine(one)}\n`
    const last = found.at(-1)
    if (last === undefined || found.length < linesAtOnce) return
    after = last.id
  }
}

/** Answers with the records as JSON, one a line, as fast as they are taken. */
export function exportQuarantine(parts: () => Parts): RequestHandler {
  return async (request, response) => {
    const { logger } = parts()
    try {
      const lines = await begun(linesOf(parts(), parseQuarantineQuery(request.query)))
      response.set({ 'content-type': 'application/jsonl', 'cache-control': 'no-store', 'content-disposition': 'attachment; filename="quarantine.jsonl"' })
      await pipeline(Readable.from(lines), response)
    } catch (error) {
      // What broke off after its beginning is a connection that ends early: whoever reads it knows that it is not whole.
      if (response.headersSent) logger.debug({ err: error }, 'an export of quarantine broke off')
      else sendProblem(response, error, logger)
    }
  }
}
