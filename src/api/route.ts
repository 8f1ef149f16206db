import { Router } from 'express'
import type { Request, Response } from 'express'
import * as z from 'zod'
import type { Parts } from './parts.ts'
import { HttpError, sendProblem } from './problem.ts'
import type { ProblemStatus } from './problem.ts'

const nothing = z.object({})

export interface RouteSpec<P extends z.ZodObject, Q extends z.ZodObject, H extends z.ZodObject, B extends z.ZodType, R extends z.ZodType> {
  readonly method: 'get' | 'post'
  /** As OpenAPI writes it: `/runs/{id}`. */
  readonly path: string
  /** Stable name for generated clients. */
  readonly operation: string
  readonly summary: string
  readonly description?: string
  readonly params?: P
  readonly query?: Q
  /** By lower-case name. */
  readonly headers?: H
  readonly body?: B
  readonly response: R
  /** Status → what it means; `{ 200: 'OK' }` when absent. */
  readonly statuses?: Readonly<Record<number, string>>
  /** Problems a caller must expect besides 400 and 503. */
  readonly problems?: readonly ProblemStatus[]
}

export interface Call<P, Q, H, B> {
  readonly params: P
  readonly query: Q
  readonly headers: H
  readonly body: B
  readonly parts: Parts
}

export interface Reply<R> {
  /** 200 when absent. */
  readonly status?: number
  readonly body: R
}

export type AnySpec = RouteSpec<z.ZodObject, z.ZodObject, z.ZodObject, z.ZodType, z.ZodType>

/** A route as a value: what OpenAPI is made from, and what answers. */
export interface Route {
  readonly spec: AnySpec
  answer(request: Request, parts: Parts): Promise<Reply<unknown>>
}

/**
 * Declares a route. In two steps, so that literals in the handler's answer keep their types: `route({…}).handle(async ({ params, parts }) => …)`.
 * Requests and answers are both parsed.
 */
export function route<
  R extends z.ZodType,
  P extends z.ZodObject = typeof nothing,
  Q extends z.ZodObject = typeof nothing,
  H extends z.ZodObject = typeof nothing,
  B extends z.ZodType = z.ZodUndefined,
>(spec: RouteSpec<P, Q, H, B, R>) {
  return {
    handle(handler: (call: Call<z.output<P>, z.output<Q>, z.output<H>, z.output<B>>) => Promise<Reply<z.input<R>>>): Route {
      return {
        spec,
        async answer(request, parts) {
          refuseDeep(request.body)
          const call = {
            params: taken<P>(spec.params, pathParams(request), 'path'),
            query: taken<Q>(spec.query, request.query, 'query'),
            headers: taken<H>(spec.headers, request.headers, 'header'),
            body: taken<B>(spec.body, request.body, 'body'),
            parts,
          }
          const reply = await handler(call)
          return { ...reply, body: spec.response.parse(reply.body) }
        },
      }
    },
  }
}

/** What reads a body goes down into it, function by function: from some 2,000 levels on the stack does not hold them. */
const deepest = 500

/** @throws HttpError `BODY_TOO_DEEP` */
function refuseDeep(body: unknown): void {
  let level = [body]
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > deepest) throw new HttpError(422, 'BODY_TOO_DEEP', `The body is nested more than ${String(deepest)} levels deep.`)
    level = level.flatMap((one): unknown[] => (typeof one === 'object' && one !== null ? Object.values(one) : []))
  }
}

/** Parameters of the path; one that takes several parts of it, as an asset key does, is joined again. */
function pathParams({ params }: Request): Record<string, string> {
  return Object.fromEntries(Object.entries(params).map(([name, value]) => [name, Array.isArray(value) ? value.join('/') : value]))
}

function taken<T extends z.ZodType>(schema: T | undefined, value: unknown, where: string): z.output<T> {
  const parsed = (schema ?? z.unknown()).safeParse(value)
  if (parsed.success) return parsed.data as z.output<T>
  const errors = parsed.error.issues.map((issue) => ({ path: [where, ...issue.path].join('.'), message: issue.message }))
  throw new HttpError(
    400,
    'REQUEST_INVALID',
    `The request is not as the API describes it: ${errors.map((one) => `${one.path} (${one.message})`).join(', ')}.`,
    {
      hint: 'See /api/openapi.json.',
      errors,
    },
  )
}

/** Mounts routes; `parts` throws while the board is still starting. */
export function mountRoutes(routes: readonly Route[], parts: () => Parts): Router {
  const router = Router({ strict: true, caseSensitive: true })
  for (const one of routes) {
    // An asset key has slashes in it.
    const path = one.spec.path.replaceAll('{key}', '*key').replaceAll(/\{(\w+)\}/g, ':$1')
    router[one.spec.method](path, async (request: Request, response: Response) => {
      const ready = parts()
      try {
        const reply = await one.answer(request, ready)
        response
          .status(reply.status ?? 200)
          .set('cache-control', 'no-store')
          .json(reply.body)
      } catch (error) {
        sendProblem(response, error, ready.logger.child({ operation: one.spec.operation }))
      }
    })
  }
  return router
}
