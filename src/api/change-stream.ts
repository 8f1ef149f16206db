import type { RequestHandler, Response } from 'express'
import type { ChangeListener } from '../catalog/change-feed.ts'

/** At most four a second: faster than a person reads, slow enough for a busy installation. */
const throttleMs = 250
/** Below the minute after which proxies close what is silent. */
const heartbeatMs = 15_000

/** Hands notifications on to every open page. */
export interface ChangeStream {
  readonly handler: RequestHandler
  /** Begins to listen; before that streams are open and silent. */
  follow(changes: ChangeListener): void
  close(): void
}

export function createChangeStream(): ChangeStream {
  const open = new Set<Response>()
  let unsubscribe: (() => void) | undefined
  let timer: NodeJS.Timeout | undefined
  let dirty = false
  let ordinal = 0
  const send = (): void => {
    dirty = false
    ordinal += 1
    for (const response of open) response.write(`id: ${String(ordinal)}\nevent: change\ndata: {}\n\n`)
    timer = setTimeout(() => {
      timer = undefined
      if (dirty) send()
    }, throttleMs)
  }
  const changed = (): void => {
    if (open.size === 0) return
    dirty = true
    if (timer === undefined) send()
  }
  const heartbeat = setInterval(() => {
    for (const response of open) response.write(':\n\n')
  }, heartbeatMs).unref()
  return {
    handler(_request, response) {
      response.set({ 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' }).flushHeaders()
      response.write('retry: 1000\n\n')
      open.add(response)
      response.on('close', () => open.delete(response))
    },
    follow(changes) {
      unsubscribe = changes.subscribe(changed)
    },
    close() {
      unsubscribe?.()
      clearInterval(heartbeat)
      clearTimeout(timer)
      for (const response of open) response.end()
      open.clear()
    },
  }
}
