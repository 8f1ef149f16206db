import * as z from 'zod'
import { DefinitionError } from './definition-error.ts'
import type { JsonObject } from './json.ts'
import { NotificationRequest } from './notification.ts'
import type { Notifiers } from './notification.ts'
import { aDefinition, aFunction, aText, milliseconds, oneOrListOf } from './option-kinds.ts'
import { named, refuseWrong, refuseWrongValue, required } from './option-shape.ts'
import type { OptionShape } from './option-shape.ts'
import { resourcesKind } from './resource.ts'
import type { ClientsOf, Resources } from './resource.ts'
import { retryKind, retryOf, RetryPolicy } from './retry.ts'
import type { RetryOptions } from './retry.ts'
import type { FailureFacts, RunFacts, StepFacts } from './run-facts.ts'

/** What a hook is handed. */
export interface HookContext<Clients = Readonly<Record<string, unknown>>> {
  readonly outcome: 'success' | 'failure'
  /** As it was when what the hook is of had ended. */
  readonly run: RunFacts
  /** Undefined of a run's hook. */
  readonly step: StepFacts | undefined
  /** Why it failed; undefined of a success. */
  readonly error: FailureFacts | undefined
  readonly resources: Clients
  /** Aborted when the hook takes too long. */
  readonly signal: AbortSignal
  /** The same on each try of this call. */
  readonly idempotencyKey: string
  /** From 1. */
  readonly attempt: number
  /** Writes a line to the run's log. */
  readonly log: (message: string, fields?: JsonObject) => void
}

/** What a hook's function may answer; nothing is no notification. */
export interface HookAnswer {
  /** Sent through resources that the hook names; kept in the transaction that ends the hook. */
  readonly notifications?: readonly NotificationRequest[]
}

type Answered = HookAnswer | null | undefined | void

export interface HookOptions<Needs extends Resources> {
  /** Unique in the location. Letters, digits, `_` and `-`. */
  readonly name: string
  /** The resources that `run` uses, or sends notifications through, by the name it uses. */
  readonly resources?: Needs
  /** At least once for each success or failure that it is of: a worker that dies in it is followed by another. */
  readonly run: (context: HookContext<ClientsOf<Needs>>) => Answered | Promise<Answered>
  /** Default: five times, after 2 s at first. */
  readonly retry?: RetryOptions
  /** The longest that a try may take. Default one minute. */
  readonly timeoutMs?: number
}

/** A hook, as the worker that calls it holds it. */
export interface Hook {
  readonly kind: 'hook'
  readonly name: string
  readonly resources: Resources
  readonly run: (context: HookContext<never>) => unknown
  readonly retry: RetryPolicy
  readonly timeoutMs: number
  /** What it is made of: two of one name that are made of the same are the same. */
  readonly parts: readonly unknown[]
}

/** What ops, assets and jobs say of their ends. Of an op and an asset it is the step's, of a job the run's. */
export interface HookUse {
  readonly onSuccess?: Hook | readonly Hook[]
  /** When it has failed for good: after its last try. Not where it was canceled. */
  readonly onFailure?: Hook | readonly Hook[]
}

const hooksKind = oneOrListOf(aDefinition('a hook, as hook({ name, run }) answers it', 'hook'), 'a hook, as hook({ name, run }) answers it, or a list of hooks')
export const hookUseShape: OptionShape<HookUse> = { onSuccess: hooksKind, onFailure: hooksKind }

/** The hooks of something that ends. */
export interface Hooks {
  readonly succeeded: readonly Hook[]
  readonly failed: readonly Hook[]
}

/** The names of hooks by the status that calls them, as manifest, runs and steps have them. */
export const HookNames = z.object({ succeeded: z.array(z.string()).optional(), failed: z.array(z.string()).optional() })
export type HookNames = z.infer<typeof HookNames>

/** What a hook's function may answer, with everything filled in. */
export const ParsedHookAnswer = z
  .strictObject({ notifications: z.array(NotificationRequest).max(100).default([]) })
  .nullish()
  .transform((answer) => answer ?? { notifications: [] })

const minute = 60_000
const hookShape: OptionShape<HookOptions<Resources>> = {
  name: required(aText('page_on_call')),
  resources: resourcesKind,
  run: required(aFunction('({ run, error }) => …')),
  retry: retryKind,
  timeoutMs: milliseconds,
}

/**
 * Declares a function that is called when a step or a run has ended.
 * @throws DefinitionError for options that cannot be
 */
export function hook<Needs extends Resources = Resources>(options: HookOptions<Needs>): Hook {
  refuseWrong(named('hook', options, 'name'), options, hookShape)
  const { name, timeoutMs = minute } = options
  if (!/^[A-Za-z_][A-Za-z0-9_-]{0,99}$/.test(name)) {
    throw new DefinitionError(`The hook name ${JSON.stringify(name)} must start with a letter or _ and go on with letters, digits, _ or -, at most 100.`)
  }
  const retry = RetryPolicy.parse({ retries: 5, delayMs: 2000, ...retryOf(`the hook ${name}`, options.retry) })
  return { kind: 'hook', name, resources: options.resources ?? {}, run: options.run, retry, timeoutMs, parts: [options] }
}

export interface NotifyOptions {
  /** Default: `notify_` and the resource's name. Wanted where two of a location differ. */
  readonly name?: string
  /** What is sent. Default: what ended and how, with the error, the run and its tags. */
  readonly message?: (context: HookContext) => Omit<NotificationRequest, 'through'>
}

const notifyShape: OptionShape<NotifyOptions> = { name: aText('tell_sales'), message: aFunction('({ run }) => ({ title: run.id })') }

/**
 * A hook that sends a notification through a resource: `onFailure: notify({ slack })`.
 * @throws DefinitionError unless it is handed one resource
 */
export function notify(through: Notifiers, options: NotifyOptions = {}): Hook {
  refuseWrong('notify()', options, notifyShape)
  refuseWrongValue('What notify() is handed', through, resourcesKind)
  const { name, message = usualMessage } = options
  const [only, ...others] = Object.entries(through)
  if (only === undefined || others.length > 0) throw new DefinitionError('notify() is handed one resource, by its name: notify({ slack }).')
  const [called, resource] = only
  const run = (context: HookContext): HookAnswer => ({ notifications: [{ through: called, ...message(context) }] })
  return { ...hook({ name: name ?? `notify_${called}`, resources: through, run }), parts: [resource, message] }
}

function usualMessage({ outcome, run, step, error }: HookContext): Omit<NotificationRequest, 'through'> {
  const what = step === undefined ? `The run of ${run.job ?? run.assets.join(', ')}` : step.name
  const partitions = step?.partitions ?? []
  const tags = Object.entries(run.tags).map(([tag, value]) => `${tag}=${value}`)
  return {
    title: `${what} ${outcome === 'success' ? 'succeeded' : 'failed'}`,
    level: outcome === 'success' ? 'info' : 'error',
    ...(error === undefined ? {} : { text: `${error.message}${error.hint === undefined ? '' : `\n${error.hint}`}` }),
    fields: {
      run: run.id,
      location: run.location,
      'launched by': run.launchedBy,
      ...(error === undefined ? {} : { code: error.code }),
      ...(partitions.length === 0 ? {} : { partitions: partitions.join(', ') }),
      ...(tags.length === 0 ? {} : { tags: tags.join(', ') }),
    },
  }
}

/** Whether a hook is another than one of the same name. */
export const differs = (one: Hook, other: Hook): boolean => one.parts.length !== other.parts.length || one.parts.some((part, at) => part !== other.parts[at])

/** What is said of ends, where anything is. */
export function hooksOf({ onSuccess = [], onFailure = [] }: HookUse): { readonly hooks?: Hooks } {
  const hooks: Hooks = { succeeded: [onSuccess].flat(), failed: [onFailure].flat() }
  return hooks.succeeded.length + hooks.failed.length === 0 ? {} : { hooks }
}

/** The same as data. */
export function hookNamesOf(hooks: Hooks | undefined): { readonly hooks?: HookNames } {
  if (hooks === undefined) return {}
  const names = (some: readonly Hook[]): string[] => [...new Set(some.map(({ name }) => name))]
  return {
    hooks: {
      ...(hooks.succeeded.length === 0 ? {} : { succeeded: names(hooks.succeeded) }),
      ...(hooks.failed.length === 0 ? {} : { failed: names(hooks.failed) }),
    },
  }
}
