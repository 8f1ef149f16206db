import type { IncomingMessage, ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../src/errors.ts'
import { withoutSecrets } from '../../src/sources/http-auth.ts'
import type { HttpAuth } from '../../src/sources/http-auth.ts'
import { httpClient } from '../../src/sources/http.ts'
import { startHttpServer } from '../support/http-server.ts'
import { waitFor } from '../support/wait-for.ts'
import { failureOf, sourceErrorOf, thrownBy } from './failure.ts'

const quick = { delayMs: 1, maxDelayMs: 2 }
const secret = 's3cr3t-value'

/** Repeats what it was asked with, or refuses it with the very words. */
async function echo(status = 200) {
  return startHttpServer((request, response) => {
    response.writeHead(status).end(JSON.stringify({ url: request.url, authorization: request.headers.authorization, own: request.headers['x-acme'] }))
  })
}

const ways: readonly (readonly [string, HttpAuth, Readonly<Record<string, unknown>>])[] = [
  ['a bearer token', { kind: 'bearer', token: secret }, { authorization: `Bearer ${secret}` }],
  ['user and password', { kind: 'basic', user: 'me', password: secret }, { authorization: `Basic ${Buffer.from(`me:${secret}`).toString('base64')}` }],
  ['a user alone', { kind: 'basic', user: secret, password: '' }, { authorization: `Basic ${Buffer.from(`${secret}:`).toString('base64')}` }],
  ['a key in a header', { kind: 'api-key', in: 'header', name: 'X-Acme', value: secret }, { own: secret }],
  ['a key in the query', { kind: 'api-key', in: 'query', name: 'appid', value: 'a&b=s3cr3t' }, { url: '/list?page=2&appid=a%26b%3Ds3cr3t' }],
]

describe.each(ways)('%s', (_, auth, seen) => {
  test('is sent with each request', async () => {
    const server = await echo()
    const answer = await httpClient({ auth }).fetchBytes({ url: `${server.url}/list?page=2` })
    expect(JSON.parse(answer.body.toString())).toMatchObject(seen)
    expect(answer.url).toBe(`${server.url}/list?page=2`)
  })

  test('never comes back in an error', async () => {
    const server = await echo(400)
    const error = await sourceErrorOf(httpClient({ auth }).fetchBytes({ url: `${server.url}/list?page=2` }))
    expect(`${error.message} ${String(error.hint)} ${String(error.stack)}`).not.toMatch(/s3cr3t|czNjcjN0/)
    expect(error.message).toContain(`GET ${server.url}/list?page=2 answered 400`)
  })
})

test('a credential that is empty is an error that says which', () => {
  const error = thrownBy(() => httpClient({ auth: { kind: 'bearer', token: '' } }))
  expect(error).toBeInstanceOf(ConfigError)
  expect(error).toMatchObject({ code: 'SOURCE_AUTH_EMPTY', message: 'The token of an auth of kind bearer is empty' })
})

test('what a server repeats of a key is taken out of an address', () => {
  const clean = (url: string) => withoutSecrets(new URL(url), ['a&b', secret]).href
  expect(clean(`http://x/?q=a%20b&key=${secret}&page=2`)).toBe('http://x/?q=a%20b&page=2')
  expect(clean('http://x/?key=a%26b')).toBe('http://x/')
  expect(clean('http://x/?key=other&q=a%20b')).toBe('http://x/?key=other&q=a%20b')
})

/** A token endpoint, and an API that takes only the newest token. */
async function oauthServer(answer: (response: ServerResponse, token: string) => unknown = grant({ expires_in: 3600 })) {
  const tokens: { readonly authorization: string | undefined; readonly form: Record<string, string> }[] = []
  const asked: string[] = []
  const api = { refuses: (given: string) => given !== `Bearer token-${String(tokens.length)}` }
  const server = await startHttpServer(async (request: IncomingMessage, response) => {
    if (request.url === '/token') {
      const form = Object.fromEntries(new URLSearchParams((await request.toArray()).join('')))
      tokens.push({ authorization: request.headers.authorization, form })
      return answer(response, `token-${String(tokens.length)}`)
    }
    asked.push(`${request.method ?? ''} ${request.headers.authorization ?? ''}`)
    return response.writeHead(api.refuses(request.headers.authorization ?? '') ? 401 : 200).end('[]')
  })
  const auth: HttpAuth = { kind: 'oauth2', tokenUrl: `${server.url}/token`, clientId: 'my id', clientSecret: 'cl1ent:secret' }
  return { url: server.url, tokens, asked, auth, api }
}

const grant =
  (fields: Readonly<Record<string, unknown>>) =>
  (response: ServerResponse, token: string): unknown =>
    response.end(JSON.stringify({ access_token: token, token_type: 'bearer', ...fields }))

describe('OAuth2 client credentials', () => {
  test('are exchanged for one token, whoever asks at once and in whatever client', async () => {
    const server = await oauthServer()
    const fetchOne = () => httpClient({ auth: { ...server.auth } }).fetchBytes({ url: server.url })
    await Promise.all([fetchOne(), fetchOne(), fetchOne()])
    await fetchOne()
    expect(server.tokens).toEqual([
      { authorization: `Basic ${Buffer.from('my+id:cl1ent%3Asecret').toString('base64')}`, form: { grant_type: 'client_credentials' } },
    ])
    expect(server.asked).toEqual(Array.from({ length: 4 }, () => 'GET Bearer token-1'))
  })

  test('go into the form where the server wants them there, with scope and parameters', async () => {
    const server = await oauthServer()
    const auth: HttpAuth = {
      ...server.auth,
      kind: 'oauth2',
      tokenUrl: `${server.url}/token`,
      clientId: 'me',
      clientSecret: secret,
      clientAuth: 'body',
      scope: 'a b',
      parameters: { audience: 'x' },
    }
    await httpClient({ auth }).fetchBytes({ url: server.url })
    expect(server.tokens).toEqual([
      { authorization: undefined, form: { grant_type: 'client_credentials', client_id: 'me', client_secret: secret, scope: 'a b', audience: 'x' } },
    ])
  })

  test('are exchanged again before the token expires', async () => {
    const server = await oauthServer(grant({ expires_in: '0.4' }))
    const client = httpClient({ auth: server.auth })
    await waitFor(
      async () => {
        await client.fetchBytes({ url: server.url })
        return server.tokens.length > 1
      },
      { what: 'a second token' },
    )
    expect([server.asked[0], server.asked.at(-1)]).toEqual(['GET Bearer token-1', 'GET Bearer token-2'])
  })

  test('are exchanged once more after a 401, for all who were refused, and for a POST too', async () => {
    const server = await oauthServer()
    const client = httpClient({ auth: server.auth })
    await client.fetchBytes({ url: server.url })
    server.tokens.push({ authorization: 'somebody else’s', form: {} })
    await Promise.all([client.fetchBytes({ url: server.url }), client.fetchBytes({ url: server.url, method: 'POST', body: '{}' })])
    expect(server.tokens).toHaveLength(3)
    expect(server.asked.filter((one) => one.endsWith('token-3')).toSorted()).toEqual(['GET Bearer token-3', 'POST Bearer token-3'])
  })

  test('that are refused with a fresh token too are an error, not a circle', async () => {
    const server = await oauthServer()
    server.api.refuses = () => true
    const error = await sourceErrorOf(httpClient({ auth: server.auth, retry: quick }).fetchBytes({ url: server.url }))
    expect(error).toMatchObject({ code: 'SOURCE_UNAUTHORIZED', retryable: false })
    expect(server.asked).toHaveLength(2)
  })

  test.each([
    ['refused', (response: ServerResponse) => response.writeHead(401).end('{"error":"invalid_client cl1ent:secret"}'), 'SOURCE_UNAUTHORIZED', 'client’s id'],
    ['answered with something else', (response: ServerResponse) => response.end('{"id_token":"s3cr3t"}'), 'SOURCE_TOKEN_UNREADABLE', 'client_credentials'],
    ['answered with a token of another kind', grant({ token_type: 'mac' }), 'SOURCE_TOKEN_UNREADABLE', 'client_credentials'],
  ])('that are %s are an error without secrets', async (_, answer, code, hint) => {
    const server = await oauthServer(answer)
    const error = await sourceErrorOf(httpClient({ auth: server.auth }).fetchBytes({ url: server.url }))
    expect(error).toMatchObject({ code, retryable: false })
    expect(error.hint).toContain(hint)
    expect(`${error.message} ${String(error.cause)}`).not.toMatch(/cl1ent|s3cr3t|token-1/)
    expect(server.asked).toEqual([])
  })

  test('of a server that is down for a moment leave the old token in use while it lasts', async () => {
    let down = false
    const server = await oauthServer((response, token) => (down ? response.writeHead(400).end() : grant({ expires_in: 2 })(response, token)))
    server.api.refuses = () => false
    const client = httpClient({ auth: server.auth, retry: quick })
    await client.fetchBytes({ url: server.url })
    down = true
    await waitFor(
      async () => {
        await client.fetchBytes({ url: server.url })
        return server.tokens.length > 1
      },
      { what: 'a renewal that fails' },
    )
    expect(server.asked.at(-1)).toBe('GET Bearer token-1')
  })

  test('are waited for only as long as the one who asks is wanted', async () => {
    const cancel = new AbortController()
    const reason = new Error('the run was cancelled')
    let end: (() => void) | undefined
    const server = await oauthServer((response, token) => {
      end = () => void grant({})(response, token)
      cancel.abort(reason)
    })
    expect(await failureOf(httpClient({ auth: server.auth }).fetchBytes({ url: server.url, signal: cancel.signal }))).toBe(reason)
    const other = httpClient({ auth: server.auth }).fetchBytes({ url: server.url })
    end?.()
    expect((await other).status).toBe(200)
    expect(server.tokens).toHaveLength(1)
  })
})
