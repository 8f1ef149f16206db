import type { Transporter } from 'nodemailer'
import type { FromEnv } from '../definitions/destination.ts'
import type { Notification, Notifier, SendContext } from '../definitions/notification.ts'
import { resource } from '../definitions/resource.ts'
import type { ResourceDefinition } from '../definitions/resource.ts'
import type { RetryOptions } from '../definitions/retry.ts'
import { ConfigError, MillraceError } from '../errors.ts'
import { readUrl, without } from './setting.ts'

export interface EmailOptions {
  /** The variable with the server: `smtps://user:password@host` (TLS from the first byte) or `smtp://…` (STARTTLS where the server has it; with `?requireTLS=true` always). */
  readonly url: FromEnv
  /** `Millrace <alerts@example.com>` */
  readonly from: string
  readonly to: string | readonly string[]
  readonly retry?: RetryOptions
}

/** Milliseconds for connecting, for the server's first word, and between two of its words. */
const [connectionTimeout, greetingTimeout, socketTimeout] = [10_000, 10_000, 20_000]

/** Sends notifications as plain e-mails over SMTP. Each try of one has the same Message-ID, by which mailboxes know a second delivery. Wants the package `nodemailer`. */
export function email({ url, from, to, retry }: EmailOptions): ResourceDefinition<Notifier> {
  const recipients = [to].flat()
  return resource<Notifier & { readonly close: () => void }>({
    async start({ env }) {
      const server = readUrl(env, url, 'The URL of the SMTP server', ['smtp:', 'smtps:'])
      const { createTransport } = await loadPackage()
      const transport = createTransport({
        url: server.href,
        connectionTimeout,
        greetingTimeout,
        socketTimeout,
        disableFileAccess: true,
        disableUrlAccess: true,
      })
      return {
        ...(retry === undefined ? {} : { retry }),
        send: (notification, context) => send({ server, transport, from, recipients }, notification, context),
        close: () => transport.close(),
      }
    },
    stop: (client) => client.close(),
  })
}

interface Mailing {
  readonly server: URL
  readonly transport: Transporter
  readonly from: string
  readonly recipients: readonly string[]
}

/** @throws MillraceError `NOTIFICATION_REFUSED` (a 5xx of SMTP, not retryable), `NOTIFICATION_PARTLY_REFUSED`, `NOTIFICATION_NOT_TAKEN` (else), without user and password */
async function send({ server, transport, from, recipients }: Mailing, notification: Notification, { idempotencyKey, createdAt }: SendContext): Promise<void> {
  const name = `The SMTP server ${server.host}`
  const clean = (text: string): string => without([server.password, server.username], text).slice(0, 500)
  const domain = /@([A-Za-z0-9.-]+)/.exec(from)?.[1] ?? 'millrace.invalid'
  const sent: unknown = await transport
    .sendMail({
      from,
      to: [...recipients],
      subject: notification.title,
      text: mailText(notification),
      messageId: `<${idempotencyKey}@${domain}>`,
      date: new Date(createdAt),
      headers: { 'Auto-Submitted': 'auto-generated' },
    })
    .catch((error: unknown) => {
      throw refusal(name, clean, error)
    })
  const rejected = rejectedOf(sent)
  if (rejected.length === 0) return
  throw new MillraceError(`${name} took the e-mail for some, but not for ${clean(rejected.join(', '))}.`, {
    code: 'NOTIFICATION_PARTLY_REFUSED',
    hint: 'Mend these addresses. Trying it again sends it to the others once more, with the same Message-ID.',
  })
}

function rejectedOf(sent: unknown): string[] {
  return typeof sent === 'object' && sent !== null && 'rejected' in sent && Array.isArray(sent.rejected) ? sent.rejected.map(String) : []
}

function refusal(name: string, clean: (text: string) => string, error: unknown): MillraceError {
  const code = error instanceof Error && 'responseCode' in error && typeof error.responseCode === 'number' ? error.responseCode : undefined
  const retryable = code === undefined || code < 500
  return new MillraceError(`${name} did not take the e-mail: ${clean(error instanceof Error ? error.message : String(error))}`, {
    code: retryable ? 'NOTIFICATION_NOT_TAKEN' : 'NOTIFICATION_REFUSED',
    retryable,
    hint: retryable ? 'It is tried again by itself.' : 'Mend what it says, user, password or addresses; then `millrace notifications retry`.',
  })
}

function mailText({ text, level, fields, url }: Notification): string {
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`)
  return [...(level === 'info' ? [] : [level.toUpperCase()]), ...(text === undefined ? [] : [text]), lines.join('\n'), ...(url === undefined ? [] : [url])]
    .filter((part) => part !== '')
    .join('\n\n')
}

async function loadPackage(): Promise<typeof import('nodemailer')> {
  try {
    return await import('nodemailer')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')) throw error
    throw new ConfigError('E-mail is sent, and the package nodemailer is not installed.', {
      code: 'EMAIL_PACKAGE_MISSING',
      hint: 'Install it beside millrace: npm install nodemailer',
      cause: error,
    })
  }
}
