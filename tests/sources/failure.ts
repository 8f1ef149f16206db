import { expect } from 'vitest'
import { DataError, SourceError } from '../../src/errors.ts'

/** What a promise rejects with. */
export async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work
  } catch (error) {
    return error
  }
  return expect.fail('it should have failed')
}

/** The SourceError that a promise rejects with: one that says what to do. */
export async function sourceErrorOf(work: Promise<unknown>): Promise<SourceError> {
  const error = await failureOf(work)
  if (!(error instanceof SourceError)) throw error
  expect(error.hint).toBeTruthy()
  return error
}

/** What a function throws. */
export function thrownBy(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return error
  }
  return expect.fail('it should have thrown')
}

/** The DataError that a function throws: one that says what to do, and is not tried again. */
export function dataErrorBy(work: () => unknown): DataError {
  const error = thrownBy(work)
  if (!(error instanceof DataError)) throw error
  expect(error.hint).toBeTruthy()
  expect(error.retryable).toBe(false)
  return error
}

/** All that an extractor yields. */
export async function collect<T>(pages: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const page of pages) all.push(page)
  return all
}
