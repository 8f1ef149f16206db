import { expect, test } from 'vitest'
import { problemOf } from '../../src/api/problem.ts'
import { MillraceError } from '../../src/errors.ts'

test.each([
  ['QUEUE_UNAVAILABLE', new MillraceError('The queue shop.extract does not answer.', { code: 'QUEUE_UNAVAILABLE', hint: 'Look at Redis.' })],
  ['DATABASE_UNAVAILABLE', new Error('Query read timeout')],
  ['DATABASE_UNAVAILABLE', Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })],
])('%s is for the caller to try again', (code, error) => {
  expect(problemOf(error)).toMatchObject({ status: 503, code })
})

test('what is not the caller’s doing says no more than that it is logged', () => {
  expect(problemOf(new Error('password hunter2'))).toMatchObject({ status: 500, code: 'INTERNAL', detail: 'Something failed inside the board.' })
})
