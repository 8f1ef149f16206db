import { holdsOutbox } from '../catalog/outbox.ts'
import type { ClaimedOutbox } from '../catalog/outbox.ts'
import { Notification } from '../definitions/notification.ts'
import type { Notifier } from '../definitions/notification.ts'
import type { ResourceDefinition } from '../definitions/resource.ts'
import { FencedError, MillraceError } from '../errors.ts'
import type { WorkerContext } from './context.ts'
import { callUserCode } from './failure.ts'
import { createStepSignal } from './step-signal.ts'

/** The longest that one try may take. */
const timeoutMs = 30_000

/**
 * The client of a resource that sends notifications.
 * @throws UserCodeError around what its `start` throws; MillraceError `NOTIFIER_INVALID` where it sends none
 */
export async function notifierOf(context: WorkerContext, { location, target }: ClaimedOutbox, resource: ResourceDefinition<unknown>): Promise<Notifier> {
  const { [target]: client } = await callUserCode(() => context.resources.of(location, { [target]: resource }))
  if (isNotifier(client)) return client
  throw new MillraceError(`The resource ${target} sends no notifications: its client has no function \`send\`.`, {
    code: 'NOTIFIER_INVALID',
    hint: 'Take one of millrace/notifiers, or give its client a `send(notification, context)`.',
  })
}

const isNotifier = (client: unknown): client is Notifier =>
  typeof client === 'object' && client !== null && 'send' in client && typeof client.send === 'function'

/** Sends one. @throws UserCodeError around what the notifier throws; MillraceError `NOTIFICATION_TIMEOUT`; FencedError where another has it by now */
export async function sendNotification(context: WorkerContext, notifier: Notifier, claimed: ClaimedOutbox, ending: AbortSignal): Promise<void> {
  const stop = createStepSignal(ending, timeoutMs, () => tooLong(claimed.target))
  try {
    const { url = pageOf(context, claimed), ...told } = Notification.parse(claimed.content)
    const notification = url === undefined ? told : { ...told, url }
    // Whoever was frozen since it claimed the row must not send beside the one who has it now.
    if (!(await holdsOutbox(context.pool, claimed))) throw new FencedError(`the notification ${claimed.id}`)
    const sending = { idempotencyKey: claimed.id, createdAt: claimed.createdAt.toISOString(), signal: stop.signal }
    await stop.until(() => callUserCode(() => notifier.send(notification, sending)))
  } finally {
    stop.end()
  }
}

/** The page of the run that it is of, where it is known under which address people open the board. */
const pageOf = ({ boardUrl }: WorkerContext, { runId }: ClaimedOutbox): string | undefined =>
  boardUrl === undefined || runId === null ? undefined : `${boardUrl}/runs/${runId}`

function tooLong(name: string): MillraceError {
  return new MillraceError(`${name} did not take the notification within ${String(timeoutMs / 1000)} s.`, {
    code: 'NOTIFICATION_TIMEOUT',
    retryable: true,
    hint: 'See whether the server behind it is up. It may have taken it all the same; the next try has the same idempotency key.',
  })
}
