import type { FromEnv } from '../definitions/destination.ts'
import type { Notification, Notifier } from '../definitions/notification.ts'
import { resource } from '../definitions/resource.ts'
import type { ResourceDefinition } from '../definitions/resource.ts'
import type { RetryOptions } from '../definitions/retry.ts'
import { post } from './post.ts'
import { readUrl } from './setting.ts'

export interface SlackOptions {
  /** The variable with the URL of an incoming webhook, which is a secret. */
  readonly url: FromEnv
  readonly retry?: RetryOptions
}

/** Sends notifications to the channel of a Slack incoming webhook (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks). */
export function slack({ url, retry }: SlackOptions): ResourceDefinition<Notifier> {
  return resource({
    start: ({ env }): Notifier => {
      const target = readUrl(env, url, 'The URL of the Slack webhook', ['https:', 'http:'])
      return {
        ...(retry === undefined ? {} : { retry }),
        send: (notification, { idempotencyKey, signal }) =>
          post({ name: 'Slack', url: target, body: { text: slackText(notification) }, idempotencyKey, signal }),
      }
    },
  })
}

const signs = { info: '', warning: ':warning: ', error: ':red_circle: ' } as const
/** Slack cuts messages at 40,000 characters. */
const longest = 30_000

/** A notification in Slack's mrkdwn. */
function slackText({ title, text, level, fields, url }: Notification): string {
  const lines = [
    `${signs[level]}*${escaped(title)}*`,
    ...(text === undefined ? [] : [escaped(text)]),
    ...Object.entries(fields).map(([name, value]) => `${escaped(name)}: ${escaped(value)}`),
    ...(url === undefined ? [] : [`<${escaped(url).replaceAll('|', '%7C')}>`]),
  ]
  return lines.join('\n').slice(0, longest).toWellFormed()
}

/** The three characters that Slack takes for its own: no `<!channel>` comes out of an error's text. */
const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
