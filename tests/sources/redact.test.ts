import { expect, test } from 'vitest'
import { isSecretName, redactAnswer, redactUrl } from '../../src/sources/redact.ts'

test.each([
  'Authorization',
  'x-api-key',
  'apikey',
  'key',
  'accessToken',
  'client_secret',
  'password',
  'pwd',
  'sig',
  'X-Amz-Signature',
  'X-Amz-Credential',
  'auth',
  'code',
  'Set-Cookie',
  'PHP_SESSION',
])('%s is the name of a secret', (name) => {
  expect(isSecretName(name)).toBe(true)
  expect(redactUrl(`https://example.com/?${name}=v4lue&page=2`)).toBe(`https://example.com/?${name}=[redacted]&page=2`)
  expect(redactAnswer(`{"${name}":"v4lue","page":"2"}`)).toBe(`{"${name}":"[redacted]","page":"2"}`)
})

test.each(['page', 'keyboard', 'author', 'monkey', 'country_codes', 'design'])('%s is not', (name) => {
  expect(isSecretName(name)).toBe(false)
  expect(redactUrl(`https://example.com/?${name}=v4lue`)).toBe(`https://example.com/?${name}=v4lue`)
})

test.each([
  ['postgres://me:pa55@db/x', 'postgres://me:[redacted]@db/x'],
  ['sent Bearer ab12cd', 'sent Bearer [redacted]'],
  ['sent basic abcdefgh', 'sent basic [redacted]'],
  ['use Basic auth here', 'use Basic auth here'],
  ['tskey-auth-abc said no', '[redacted] said no'],
  ['eyJhbGciOiJI.eyJzdWIi.c2ln', '[redacted]'],
  ['it was hunter22', 'it was [redacted]'],
])('%s is shown as %s', (text, shown) => {
  expect(redactAnswer(text, ['hunter22'])).toBe(shown)
})
