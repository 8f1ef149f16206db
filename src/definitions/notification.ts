import * as z from 'zod'
import { redactText } from '../redact.ts'
import type { ResourceDefinition } from './resource.ts'
import type { RetryOptions } from './retry.ts'

/** Text that is cut where it is too long: nobody goes without an alarm because an error had much to say. Without secrets: half of one has no longer its form. */
const cut = (longest: number) =>
  z
    .string()
    .transform(redactText)
    .transform((text) => (text.length > longest ? `${text.slice(0, longest - 1)}…` : text))

/** What is told to somebody. No secret belongs in it: it is stored until it was sent, and shown. What has a secret's form is hidden. */
export const Notification = z.strictObject({
  /** One line, cut at 300 characters. */
  title: z
    .string()
    .trim()
    .min(1)
    .transform((text) => text.replaceAll(/\s+/g, ' '))
    .pipe(cut(300)),
  /** Cut at 20,000 characters. */
  text: cut(20_000).optional(),
  level: z.enum(['info', 'warning', 'error']).default('info'),
  /** Shown as lines of `name: value`; values are cut at 2,000 characters. */
  fields: z.record(z.string().min(1).max(100), cut(2000)).default({}),
  /** Where to read more. Where it is left out, and MILLRACE_BOARD_URL is set: the page of the run that it is of. */
  url: z.url({ protocol: /^https?$/ }).optional(),
})
export type Notification = z.output<typeof Notification>

/** A notification together with who sends it. */
export const NotificationRequest = Notification.extend({
  /** The resource that sends it, as the sensor or hook that asks for it calls it. */
  through: z.string(),
})
export type NotificationRequest = z.input<typeof NotificationRequest>

export interface SendContext {
  /** The same on each try of one notification: whoever takes it can tell a second delivery by it. */
  readonly idempotencyKey: string
  /** When it was asked for; ISO 8601, UTC. */
  readonly createdAt: string
  /** Aborted when it takes too long. */
  readonly signal: AbortSignal
}

/** What sends notifications: the client of a resource. */
export interface Notifier {
  /** Sends one, and throws where it is not known to be taken; a MillraceError that is not `retryable` gives it up. */
  readonly send: (notification: Notification, context: SendContext) => Promise<void>
  /** How often it is tried again, and after how long. Default: 14 times, from 2 s to an hour apart, about four hours in all. */
  readonly retry?: RetryOptions
}

/** Resources that send notifications, by name. */
export type Notifiers = Readonly<Record<string, ResourceDefinition<Notifier>>>
