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
import { createStepSignal } from './step-signal.ts'

/** A hook's call as the triggers write it. */
const HookContent = z.object({
  outcome: z.enum(['success', 'failure']),
  run: RunFacts,
  step: StepFacts.optional(),
  error: FailureFacts.nullish(),
})

export interface KeptNotification {
  readonly through: string
  readonly content: Notification
}

/**
 * Calls a hook's function, and reads what it answers.
 * @throws UserCodeError around what the function throws; MillraceError `HOOK_TIMEOUT`, `HOOK_ANSWER_INVALID`, `NOTIFIER_UNKNOWN`
 */
export async function callHook(
  context: WorkerContext,
  hook: Hook,
  claimed: ClaimedOutbox,
  { log, ending }: Pick<HookContext, 'log'> & { readonly ending: AbortSignal },
): Promise<KeptNotification[]> {
  const { outcome, run, step, error } = HookContent.parse(claimed.content)
  const stop = createStepSignal(ending, hook.timeoutMs, () => tooLong(hook))
  try {
    const resources = await stop.until(() => callUserCode(() => context.resources.of(claimed.location, hook.resources)))
    const handed: HookContext = {
      outcome,
      run,
      step,
      error: error ?? undefined,
      resources,
      signal: stop.signal,
      idempotencyKey: claimed.id,
      attempt: claimed.attempt,
      log,
    }
    const answer = ParsedHookAnswer.safeParse(await stop.until(() => callUserCode(() => hook.run(handed as HookContext<never>))))
    if (answer.success) return answer.data.notifications.map((one) => kept(one, hook.resources, `The hook ${hook.name}`))
    throw new MillraceError(`The hook ${hook.name} answered what is no answer: ${z.prettifyError(answer.error)}.`, {
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

function tooLong({ name, timeoutMs }: Hook): MillraceError {
  return new MillraceError(`The hook ${name} took longer than ${String(timeoutMs / 1000)} s.`, {
    code: 'HOOK_TIMEOUT',
    retryable: true,
    hint: 'Hand `signal` to every request that it makes, or raise its `timeoutMs`.',
  })
}
