import * as z from 'zod'

/** What `millrace dev` tells its workers: to begin, in this environment; or that newer definitions are at work, so to finish what was begun and to end. */
const Order = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('begin'), env: z.record(z.string(), z.string()) }),
  z.object({ kind: z.literal('retire') }),
])
export type Order = z.infer<typeof Order>

/** What a worker says when it works its queues. */
export const Ready = z.object({ kind: z.literal('ready'), notices: z.array(z.string()), broken: z.array(z.string()) })
export type Ready = z.infer<typeof Ready>

export interface Orders {
  /** Resolves with the environment to work in. */
  readonly begun: Promise<Readonly<Record<string, string>>>
  readonly retired: Promise<'retired'>
  /** Lets the process end although its parent could still say something. */
  close(): void
}

/** Hears the parent process, from now on. */
export function hearOrders(): Orders {
  const begun = Promise.withResolvers<Readonly<Record<string, string>>>()
  const retired = Promise.withResolvers<'retired'>()
  const hear = (message: unknown): void => {
    const order = Order.safeParse(message).data
    if (order?.kind === 'begin') begun.resolve(order.env)
    if (order?.kind === 'retire') retired.resolve('retired')
  }
  process.on('message', hear)
  return { begun: begun.promise, retired: retired.promise, close: () => process.channel?.unref() }
}
