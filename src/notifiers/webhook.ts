import type { FromEnv } from '../definitions/destination.ts'
import type { Notifier } from '../definitions/notification.ts'
import { resource } from '../definitions/resource.ts'
import type { ResourceDefinition } from '../definitions/resource.ts'
import type { RetryOptions } from '../definitions/retry.ts'
import { post } from './post.ts'
import { readSetting, readUrl } from './setting.ts'

export interface WebhookOptions {
  /** The variable with the URL that is POSTed to. */
  readonly url: FromEnv
  /** Headers, and the variables with their values: `{ authorization: fromEnv('ALERTS_AUTH') }`. */
  readonly headers?: Readonly<Record<string, FromEnv>>
  readonly retry?: RetryOptions
}

/** Sends notifications as JSON: `{ id, createdAt, level, title, text, fields, url }`, with the id in the header `Idempotency-Key` too; `text` and `url` where there are such. Any 2xx takes it. */
export function webhook({ url, headers = {}, retry }: WebhookOptions): ResourceDefinition<Notifier> {
  return resource({
    start: ({ env }): Notifier => {
      const target = readUrl(env, url, 'The URL of the webhook', ['https:', 'http:'])
      const settled = Object.fromEntries(
        Object.entries(headers).map(([name, setting]) => [name, readSetting(env, setting, `The header ${name} of the webhook`)]),
      )
      return {
        ...(retry === undefined ? {} : { retry }),
        send: (notification, { idempotencyKey, createdAt, signal }) =>
          post({
            name: `The webhook at ${target.host}`,
            url: target,
            headers: settled,
            body: { id: idempotencyKey, createdAt, ...notification },
            idempotencyKey,
            signal,
          }),
      }
    },
  })
}
