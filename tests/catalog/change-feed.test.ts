import { createChangeListener, createChangeNotifier, notifyCanceled } from '../../src/catalog/change-feed.ts'
import type { ListenerTimes } from '../../src/catalog/change-feed.ts'
import { testLogger } from '../support/engine.ts'
import { expect, onTestFinished, test, waitFor } from '../support/test.ts'
import type { TestDatabase } from '../support/test.ts'
import { startForgetfulRelay } from './forgetful-relay.ts'

/** A listener that has connected, and what it was told of one run since. */
async function listen(url: string, times?: ListenerTimes) {
  const listener = createChangeListener(url, testLogger, times)
  onTestFinished(() => listener.close())
  let told = 0
  listener.subscribe(() => (told += 1), 'mine')
  await waitFor(() => told === 1, { what: 'the listener to connect' })
  return { told: () => told }
}

async function changed({ pool }: TestDatabase, ...runs: string[]): Promise<void> {
  const notifier = createChangeNotifier(pool, testLogger)
  for (const run of runs) notifier.changed(run)
  await notifier.close()
}

test('a change of a run is told to who asked for it, and to nobody else', async ({ database }) => {
  const { told } = await listen(database.url)
  await changed(database, 'other')
  await changed(database, 'mine')
  await waitFor(() => told() > 1, { what: 'the change' })
  expect(told()).toBe(2)
})

test.for(['NOTIFY millrace_change', `NOTIFY millrace_change, 'no JSON'`, `NOTIFY millrace_change, 'null'`])(
  '%s, which names no run, is told to everybody and does no harm',
  async (statement, { database }) => {
    const { told } = await listen(database.url)
    await database.pool.query(statement)
    await waitFor(() => told() === 2, { what: 'the change' })
    await changed(database, 'mine')
    await waitFor(() => told() === 3, { what: 'the change after it' })
  },
)

test('a listener whose server vanished without a word connects anew', async ({ database }) => {
  const relay = await startForgetfulRelay(database.url)
  const { told } = await listen(relay.url, { askMs: 500, answerMs: 3000 })
  relay.forget()
  await waitFor(() => told() === 2, { what: 'the listener to connect anew', timeoutMs: 15_000 })
  await changed(database, 'mine')
  await waitFor(() => told() === 3, { what: 'the change' })
})

test('of a cancel everybody hears with the word that it is one, and of another change without', async ({ database }) => {
  const listener = createChangeListener(database.url, testLogger)
  onTestFinished(() => listener.close())
  const heard: unknown[] = []
  listener.subscribe((change) => heard.push(change))
  await waitFor(() => heard.length === 1, { what: 'the listener to connect' })
  await changed(database, 'mine')
  await notifyCanceled(database.pool, 'mine')
  await waitFor(() => heard.length === 3, { what: 'both' })
  expect(heard).toEqual([
    { runs: undefined, canceled: true },
    { runs: ['mine'], canceled: false },
    { runs: ['mine'], canceled: true },
  ])
})
