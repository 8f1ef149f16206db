import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'
import type { SMTPServerOptions } from 'smtp-server'
import { fromEnv } from '../../src/definitions/destination.ts'
import { Notification } from '../../src/definitions/notification.ts'
import type { Notifier } from '../../src/definitions/notification.ts'
import type { ResourceDefinition } from '../../src/definitions/resource.ts'
import { email } from '../../src/notifiers/email.ts'
import { slack } from '../../src/notifiers/slack.ts'
import { webhook } from '../../src/notifiers/webhook.ts'
import { atFileEnd, describe, expect, startHttpServer, test } from '../support/test.ts'

const notification: Notification = {
  title: 'shop/prices failed <!channel>',
  text: 'no bread & no milk',
  level: 'error',
  fields: { run: '1234' },
  url: 'https://mill.example.com/runs/1234',
}
const key = '11111111-0000-4000-8000-000000000001'

async function start(notifier: ResourceDefinition<Notifier>, env: Record<string, string>): Promise<Notifier> {
  const client = await notifier.start({ env, signal: new AbortController().signal, throttle: (() => Promise.resolve()) as never })
  atFileEnd(async () => notifier.stop?.(client))
  return client
}
const send = (client: Notifier, signal = new AbortController().signal): Promise<void> =>
  client.send(notification, { idempotencyKey: key, createdAt: '2026-11-22T10:00:00.000Z', signal })

test('what is too long is cut, and nothing else is refused for it', () => {
  const long = Notification.parse({ title: ` an error\nof ${'many '.repeat(100)}words`, text: 'x'.repeat(30_000), fields: { why: 'y'.repeat(3000) } })
  expect(long.title).toMatch(/^an error of many .*…$/)
  expect([long.title.length, long.text?.length, long.fields['why']?.length]).toEqual([300, 20_000, 2000])
  expect(Notification.parse(long)).toEqual(long)
  expect(Notification.safeParse({ title: ' ' }).success).toBe(false)
})

describe('over HTTP', () => {
  const startTaker = async (status = 200, answer: (body: string) => string = () => 'ok') => {
    const taken: { headers: Record<string, unknown>; body: string; url: string | undefined }[] = []
    const { url } = await startHttpServer(async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const body = Buffer.concat(chunks).toString()
      taken.push({ headers: request.headers, body, url: request.url })
      response.writeHead(status).end(answer(body))
    })
    return { url, taken }
  }

  test('Slack gets text that mentions nobody', async () => {
    const { url, taken } = await startTaker()
    await send(await start(slack({ url: fromEnv('SLACK') }), { SLACK: `${url}/services/T0/B0/secret` }))
    expect(taken).toMatchObject([{ url: '/services/T0/B0/secret', headers: { 'idempotency-key': key, 'content-type': 'application/json' } }])
    expect(JSON.parse(taken[0]?.body ?? '')).toEqual({
      text: ':red_circle: *shop/prices failed &lt;!channel&gt;*\nno bread &amp; no milk\nrun: 1234\n<https://mill.example.com/runs/1234>',
    })
  })

  test('a webhook gets all of it, with the headers and the user of its settings', async () => {
    const { url, taken } = await startTaker(201)
    const env = { HOOK: url.replace('http://', 'http://mill:s3cr%40t@'), TEAM: 'ops' }
    await send(await start(webhook({ url: fromEnv('HOOK'), headers: { 'x-team': fromEnv('TEAM') } }), env))
    expect(taken[0]?.headers).toMatchObject({
      'x-team': 'ops',
      authorization: `Basic ${Buffer.from('mill:s3cr@t').toString('base64')}`,
      'idempotency-key': key,
    })
    expect(JSON.parse(taken[0]?.body ?? '')).toEqual({ id: key, createdAt: '2026-11-22T10:00:00.000Z', ...notification })
  })

  test.for<[name: string, env: Record<string, string>, code: string]>([
    ['is not set', {}, 'NOTIFIER_SETTING_MISSING'],
    ['is no URL', { HOOK: 'mill.example.com/s3cret' }, 'NOTIFIER_SETTING_INVALID'],
    ['is a file', { HOOK: 'file:///etc/s3cret' }, 'NOTIFIER_SETTING_INVALID'],
  ])('a setting that %s is told of by its name', async ([, env, code]) => {
    const failing = start(webhook({ url: fromEnv('HOOK') }), env)
    await expect(failing).rejects.toMatchObject({ code, retryable: false, message: expect.stringContaining('HOOK') as unknown })
    await expect(failing).rejects.toMatchObject({ message: expect.not.stringContaining('s3cret') as unknown })
  })

  test('a server that is not there passes, and the error has no secret', async () => {
    const { url } = await startTaker()
    const client = await start(slack({ url: fromEnv('SLACK') }), { SLACK: `${url.replace(/\d+$/, '1')}/services/T0/B0/s3cretsecret` })
    await expect(send(client)).rejects.toMatchObject({
      code: 'NOTIFICATION_NOT_TAKEN',
      retryable: true,
      message: expect.not.stringContaining('s3cret') as unknown,
    })
  })

  test('what hangs is ended by the signal', async () => {
    const { url } = await startHttpServer(() => undefined)
    const client = await start(webhook({ url: fromEnv('HOOK') }), { HOOK: url })
    await expect(send(client, AbortSignal.timeout(100))).rejects.toMatchObject({ code: 'NOTIFICATION_NOT_TAKEN' })
  })
})

describe('by e-mail', () => {
  interface Mail {
    readonly from: string
    readonly to: string[]
    readonly user: string | undefined
    readonly text: string
  }
  /** A real SMTP server, which knows the user `mill` with the password `s3cr@t`. */
  const startMailServer = async (options: Partial<SMTPServerOptions> = {}) => {
    const mails: Mail[] = []
    const server = new SMTPServer({
      disabledCommands: ['STARTTLS'],
      allowInsecureAuth: true,
      onAuth: ({ username, password }, _session, done) =>
        username === 'mill' && password === 's3cr@t' ? done(null, { user: username }) : done(new Error(`no such user, not even with ${password ?? ''}`)),
      onData(stream, { envelope, user }, done) {
        const chunks: Buffer[] = []
        stream.on('data', (chunk: Buffer) => chunks.push(chunk))
        stream.on('end', () => {
          const from = envelope.mailFrom === false ? '' : envelope.mailFrom.address
          mails.push({ from, to: envelope.rcptTo.map(({ address }) => address), user, text: Buffer.concat(chunks).toString() })
          done()
        })
      },
      ...options,
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    atFileEnd(() => new Promise<void>((resolve) => server.close(() => resolve())))
    return { mails, port: (server.server.address() as AddressInfo).port }
  }
  const mailer = (port: number, password = 's3cr%40t', to: string | string[] = ['a@example.com', 'b@example.com']) =>
    start(email({ url: fromEnv('SMTP_URL'), from: 'Mill <mill@example.org>', to }), { SMTP_URL: `smtp://mill:${password}@127.0.0.1:${String(port)}` })

  test('it is sent to all, with the same Message-ID each time', async () => {
    const { mails, port } = await startMailServer()
    const client = await mailer(port)
    await send(client)
    await send(client)
    expect(mails).toHaveLength(2)
    for (const mail of mails) {
      expect(mail).toMatchObject({ from: 'mill@example.org', to: ['a@example.com', 'b@example.com'], user: 'mill' })
      expect(mail.text).toContain(`Message-ID: <${key}@example.org>`)
      expect(mail.text).toContain('Subject: shop/prices failed <!channel>')
      expect(mail.text).toContain('Date: Sun, 22 Nov 2026 10:00:00 +0000')
      expect(mail.text).toContain('ERROR\r\n\r\nno bread & no milk\r\n\r\nrun: 1234\r\n\r\nhttps://mill.example.com/runs/1234')
    }
  })

  const refuse = (responseCode: number, message: string): Error => Object.assign(new Error(message), { responseCode })
  test.for<[name: string, options: Partial<SMTPServerOptions>, password: string, code: string, retryable: boolean]>([
    ['whose password is wrong', {}, 'wr0ngs3cret', 'NOTIFICATION_REFUSED', false],
    ['that is greylisted', { onRcptTo: (_to, _session, done) => done(refuse(451, 'come back later')) }, 's3cr%40t', 'NOTIFICATION_NOT_TAKEN', true],
    ['to nobody', { onRcptTo: (_to, _session, done) => done(refuse(550, 'no such mailbox')) }, 's3cr%40t', 'NOTIFICATION_REFUSED', false],
    [
      'to somebody and nobody',
      { onRcptTo: ({ address }, _session, done) => done(address.startsWith('b') ? refuse(550, 'no such mailbox') : null) },
      's3cr%40t',
      'NOTIFICATION_PARTLY_REFUSED',
      false,
    ],
  ])('one %s is told of without the password', async ([, options, password, code, retryable]) => {
    const { port } = await startMailServer(options)
    const failing = send(await mailer(port, password))
    await expect(failing).rejects.toMatchObject({ code, retryable, message: expect.not.stringMatching(/s3cr/) as unknown })
  })

  test('a server that is not there passes', async () => {
    await expect(send(await mailer(1))).rejects.toMatchObject({ code: 'NOTIFICATION_NOT_TAKEN', retryable: true })
  })
})
