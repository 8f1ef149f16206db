import * as z from 'zod'
import type { ClaimedOutbox } from '../catalog/outbox.ts'
import { ParsedHookAnswer } from '../definitions/hook.ts'
import type { Hook, HookContext } from '../definitions/hook.ts'
import { Notification } from '../definitions/notification.ts'
import type { NotificationRequest } from '../definitions/notification.ts'
import type { Resources } from '../definitions/resource.ts'
import { FailureFacts, RunFacts, StepFacts } from '../definitions/run-facts.ts'
import { MillraceError } from '../errors.ts'
import type { WorkerContext } from './context.ts'
import { callUserCode } from './failure.ts'
import type { ResourceClients } from './resource-clients.ts'
import { createStepSignal } from './step-signal.ts'
import { issuesOf } from '../definitions/issues.ts'

/** A hook's call as the triggers write it. */
const HookContent = z.object({
  outcome: z.enum(['success', 'failure']),
  run: RunFacts,
  step: StepFacts.optional(),
  error: FailureFacts.nullish(),
})
/** What has ended, and how. */
export type HookContent = z.infer<typeof HookContent>

export interface KeptNotification {
  readonly through: string
  readonly content: Notification
}

/** Where a hook is called. */
interface HookCall extends Pick<HookContext, 'idempotencyKey' | 'attempt' | 'log'> {
  readonly location: string
  readonly resources: ResourceClients
  readonly ending: AbortSignal
}

/** Calls the hook of an outbox row. @throws what `askHook` throws */
export const callHook = async (
  context: WorkerContext,
  hook: Hook,
  { content, location, id, attempt }: ClaimedOutbox,
  { log, ending }: Pick<HookCall, 'log' | 'ending'>,
): Promise<KeptNotification[]> =>
  askHook(hook, HookContent.parse(content), { location, resources: context.resources, idempotencyKey: id, attempt, log, ending })

/**
 * Calls a hook's function, and reads what it answers.
 * @throws UserCodeError around what the function throws; MillraceError `HOOK_TIMEOUT`, `HOOK_ANSWER_INVALID`, `NOTIFIER_UNKNOWN`
 */
export async function askHook(hook: Hook, { outcome, run, step, error }: HookContent, call: HookCall): Promise<KeptNotification[]> {
  const { location, resources, idempotencyKey, attempt, log, ending } = call
  const stop = createStepSignal(ending, hook.timeoutMs, () => hookTooLong(hook))
  try {
    const clients = await stop.until(() => callUserCode(() => resources.of(location, hook.resources)))
    const handed: HookContext = { outcome, run, step, error: error ?? undefined, resources: clients, signal: stop.signal, idempotencyKey, attempt, log }
    const answer = ParsedHookAnswer.safeParse(await stop.until(() => callUserCode(() => hook.run(handed as HookContext<never>))))
    if (answer.success) return answer.data.notifications.map((one) => kept(one, hook.resources, `The hook ${hook.name}`))
    throw new MillraceError(`The hook ${hook.name} answered what is no answer: ${issuesOf(answer.error)}.`, {
      code: 'HOOK_ANSWER_INVALID',
      hint: 'It answers { notifications: [{ through, title, … }] }, or nothing.',
    })
  } finally {
    stop.end()
  }
}

/** A notification as the outbox keeps it. @throws MillraceError `NOTIFIER_UNKNOWN` where whoever asks for it names no such resource */
export function kept({ through, ...content }: NotificationRequest, resources: Resources, who: string): KeptNotification {
  if (Object.hasOwn(resources, through)) return { through, content: Notification.parse(content) }
  throw new MillraceError(`${who} sends a notification through ${JSON.stringify(through)}, which is none of its resources.`, {
    code: 'NOTIFIER_UNKNOWN',
    hint: `Name it in \`resources\`${Object.keys(resources).length === 0 ? '' : `; there are: ${Object.keys(resources).join(', ')}`}.`,
  })
}

export function hookTooLong({ name, timeoutMs }: Hook): MillraceError {
  return new MillraceError(`The hook ${name} took longer than ${String(timeoutMs / 1000)} s.`, {
    code: 'HOOK_TIMEOUT',
    retryable: true,
    hint: 'Hand `signal` to every request that it makes, or raise its `timeoutMs`.',
  })
}
