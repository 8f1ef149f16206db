import { getEventListeners } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, onTestFinished, test } from 'vitest'
import { createStepSignal } from '../../src/workers/step-signal.ts'
import { failureOf } from '../sources/failure.ts'
import { waitFor } from '../support/wait-for.ts'

const tooLong = () => new Error('it took too long')

function started(outer: AbortSignal = new AbortController().signal, timeoutMs = 3_600_000) {
  const step = createStepSignal(outer, timeoutMs, tooLong)
  onTestFinished(step.end)
  return step
}

const never = () => new Promise<never>(() => undefined)

test('what was waited for is not kept while the step goes on', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const step = started()
  const pages = await Promise.all(Array.from({ length: 10 }, async () => new WeakRef(await step.until(() => Promise.resolve(Buffer.alloc(1000))))))
  await waitFor(
    () => {
      collect()
      return pages.every((page) => page.deref() === undefined)
    },
    { what: 'the pages to be collected' },
  )
  expect(step.signal.aborted).toBe(false)
  expect(getEventListeners(step.signal, 'abort')).toEqual([])
})

test('the end of the work around it ends it, with that reason', async () => {
  const outer = new AbortController()
  const step = started(outer.signal)
  const waiting = failureOf(step.until(never))
  const reason = new Error('the run was cancelled')
  outer.abort(reason)
  expect(await waiting).toBe(reason)
  expect(step.signal.reason).toBe(reason)
  expect(await failureOf(step.until(() => Promise.resolve(1)))).toBe(reason)
})

test('after its timeout user code sees a TimeoutError, and we our own', async () => {
  const step = started(undefined, 5)
  expect(await failureOf(step.until(never))).toEqual(tooLong())
  expect(step.signal.reason).toMatchObject({ name: 'TimeoutError', message: 'it took too long' })
})

test('one that has ended leaves nothing behind on the signal around it', () => {
  const outer = new AbortController()
  const step = started(outer.signal)
  expect(getEventListeners(outer.signal, 'abort')).toHaveLength(1)
  step.end()
  expect(getEventListeners(outer.signal, 'abort')).toEqual([])
})
