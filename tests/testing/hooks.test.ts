import { asset, hook, job, multiAsset, notify, op, resource } from 'millrace'
import type { Notifier } from 'millrace'
import { callHook, memoryIo, runJob, testClock } from 'millrace/testing'
import * as z from 'zod'
import { describe, expect, test } from '../support/test.ts'

const io = memoryIo()

describe('hooks', () => {
  const slack = resource<Notifier>({
    start: ({ env }) => {
      if (env['SLACK_URL'] === undefined) throw new Error('SLACK_URL is not set')
      return { send: () => Promise.reject(new Error('no test sends')) }
    },
  })
  const book = resource<{ readonly write: (line: string) => void }>({ start: () => ({ write: () => undefined }) })
  const booked = hook({
    name: 'booked',
    resources: { book },
    retry: { retries: 1, delayMs: 1000 },
    run: ({ outcome, step, run, attempt, resources, log }) => {
      log('called', { attempt })
      if (attempt === 1) throw new Error('the book is closed')
      resources.book.write(`${outcome} ${step?.name ?? run.job ?? ''} ${String(step?.attempt ?? '')}`)
    },
  })

  test('are called with as much as a test says; what they would send is answered, and nothing is sent', async () => {
    const lines: string[] = []
    const options = { resources: { book: { write: (line: string) => void lines.push(line) } }, clock: testClock('2026-01-01T00:00:00Z') }
    expect(await callHook(booked, { ...options, step: { name: 'shop/count', attempt: 3 }, attempt: 2 })).toMatchObject({
      notifications: [],
      log: [{ step: 'booked' }],
    })
    expect(await callHook(booked, { ...options, run: { job: 'nightly' }, error: new RangeError('too much'), attempt: 2 })).toMatchObject({ notifications: [] })
    expect(lines).toEqual(['success shop/count 3', 'failure nightly '])
    await expect(callHook(booked, options)).rejects.toThrow('the book is closed')
    const told = await callHook(notify({ slack }), { run: { job: 'nightly', tags: { team: 'data' } }, error: new RangeError('too much') })
    expect(told.notifications).toEqual([
      expect.objectContaining({
        through: 'slack',
        title: 'The run of nightly failed',
        level: 'error',
        text: 'too much',
        fields: expect.objectContaining({ tags: 'team=data' }),
      }),
    ])
    const uses = hook({ name: 'uses', resources: { slack }, run: ({ resources }) => void resources.slack.send })
    await expect(callHook(uses)).rejects.toThrow('SLACK_URL is not set')
  })

  test('of steps and of the run are called by a run, tried again, and told', async () => {
    const lines: string[] = []
    const ok = asset({ key: 'hooked/ok', io, run: () => 1, onSuccess: booked })
    const split = multiAsset({
      name: 'hooked/split',
      io,
      retry: { retries: 0 },
      outputs: { a: { key: 'hooked/a', value: z.int(), onFailure: notify({ slack }) }, b: { key: 'hooked/b', value: z.int(), onFailure: notify({ slack }) } },
      run: (): { a: number; b: number } => {
        throw new Error('it is down')
      },
    })
    const seen: unknown[] = []
    const watching = hook({
      name: 'watching',
      run: ({ step, run: { status, failedSteps, error } }) => void seen.push([step?.name, status, failedSteps, error?.message]),
    })
    const last = asset({ key: 'hooked/last', io, run: () => 1, onSuccess: watching })
    const nightly = job({ name: 'nightly', assets: '*', onSuccess: booked, onFailure: [booked, notify({ slack })] })
    const run = await runJob(nightly, { assets: [ok, split, last], resources: { book: { write: (line: string) => void lines.push(line) } } })
    expect(run.status).toBe('failed')
    expect(lines).toEqual(['success hooked/ok 1', 'failure nightly '])
    expect(
      run.hooks.map(({ name, step, outcome, attempts, error, notifications }) => [
        name,
        step,
        outcome,
        attempts,
        error,
        notifications.map(({ title }) => title),
      ]),
    ).toEqual([
      ['booked', 'hooked/ok', 'success', 2, undefined, []],
      ['notify_slack', 'hooked/split', 'failure', 1, undefined, ['hooked/split failed']],
      ['watching', 'hooked/last', 'success', 1, undefined, []],
      ['booked', undefined, 'failure', 2, undefined, []],
      ['notify_slack', undefined, 'failure', 1, undefined, ['The run of nightly failed']],
    ])
    expect(seen).toEqual([['hooked/last', 'started', ['hooked/split'], 'it is down']])
    const single = op({ name: 'single', run: () => undefined, onSuccess: hook({ name: 'broken', retry: { retries: 0 }, run: () => 7 as never }) })
    const broken = await runJob(job({ name: 'broken', graph: single }))
    expect(broken).toMatchObject({ status: 'succeeded', hooks: [{ name: 'broken', step: 'single', error: { code: 'HOOK_ANSWER_INVALID' } }] })
  })
})
