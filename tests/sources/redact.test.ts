import { expect, test } from 'vitest'
import { isSecretName, redact, redactText } from '../../src/redact.ts'
import { redactAnswer, redactUrl } from '../../src/sources/redact.ts'

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
  ['login failed password=ab,user=me', 'login failed password=[redacted],user=me'],
  ['it said {"api_key": "ab", "page": "2"}', 'it said {"api_key": "[redacted]", "page": "2"}'],
])('%s is shown as %s', (text, shown) => {
  expect(redactAnswer(text, ['hunter22'])).toBe(shown)
})

test.each([
  ['GET https://s3.test/b?X-Amz-Signature=ab12&page=2 failed', 'GET https://s3.test/b?X-Amz-Signature=[redacted]&page=2 failed'],
  ['https://x.test/?page=1&sig=a%2Fb=', 'https://x.test/?page=1&sig=[redacted]'],
  ['https://x.test/?token=t0ken#top', 'https://x.test/?token=[redacted]#top'],
  ['https://x.test/?access_token=t0ken', 'https://x.test/?access_token=[redacted]'],
  ['https://x.test/?accessToken=t0ken', 'https://x.test/?accessToken=[redacted]'],
  ['"/items?signature=abc"', '"/items?signature=[redacted]"'],
  ['https://x.test/?keyboard=qwerty&design=new', 'https://x.test/?keyboard=qwerty&design=new'],
])('in text %s is shown as %s', (text, shown) => {
  expect(redactText(text)).toBe(shown)
  expect(redactText(shown)).toBe(shown)
})

test('what lies too deep to be looked through is hidden whole', () => {
  const nested = (depth: number): unknown => (depth === 0 ? { password: 'hunter22', url: 'https://x.test/?sig=hunter22' } : { more: nested(depth - 1) })
  for (const depth of [3, 12, 13, 30]) expect(JSON.stringify(redact(nested(depth)))).not.toContain('hunter22')
  expect(redact({ list: [1, { two: 2 }] })).toEqual({ list: [1, { two: 2 }] })
})

// A pattern that is tried anew at each word takes minutes for this.
test.each(['a.', 'ab-', 'a=b ', 'a://b:c '])('long text that repeats %j is looked through in its length, not in the square of it', (unit) => {
  const text = unit.repeat(500_000 / unit.length)
  expect(redactText(text) === text).toBe(true)
})
