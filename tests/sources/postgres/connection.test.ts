import { createServer } from 'node:net'
import { storedError } from '../../../src/errors.ts'
import { nameOfPostgres, secretsOfPostgres } from '../../../src/sources/postgres/connection.ts'
import { postgresError } from '../../../src/sources/postgres/postgres-error.ts'
import { atFileEnd, describe, expect, freePort, test } from '../../support/test.ts'
import { sourceErrorOf } from '../failure.ts'
import { readAll } from './read.ts'

const query = 'SELECT 1 AS a'

describe('a Postgres that cannot be read', () => {
  test('since nobody listens there can be tried again', async () => {
    const url = `postgres://reader:pa55w0rd@127.0.0.1:${String(await freePort())}/shop`
    const error = await sourceErrorOf(readAll({ url, query }))
    expect(error).toMatchObject({ code: 'POSTGRES_UNREACHABLE', retryable: true })
    expect(error.message).toContain(url.replace('reader:pa55w0rd@', ''))
    expect(JSON.stringify(storedError(error))).not.toContain('pa55w0rd')
  })

  test('since its name leads nowhere can be tried again', async () => {
    expect(await sourceErrorOf(readAll({ connection: { host: 'nowhere.invalid' }, query }))).toMatchObject({ code: 'POSTGRES_UNREACHABLE', retryable: true })
  })

  test('since who listens is no Postgres and hangs up can be tried again', async () => {
    const server = createServer((socket) => socket.end())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    atFileEnd(async () => void server.close())
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    expect(await sourceErrorOf(readAll({ connection: { host: '127.0.0.1', port, user: 'me', database: 'shop' }, query }))).toMatchObject({
      code: 'POSTGRES_LOST',
      retryable: true,
    })
  })

  test('since it has no such database is not tried again', async ({ database }) => {
    const url = database.url.replace(/\/[^/]*$/, '/nowhere')
    expect(await sourceErrorOf(readAll({ url, query }))).toMatchObject({ code: 'POSTGRES_AUTH', retryable: false })
  })

  test('with TLS, since it has none, is not read without', async ({ database }) => {
    expect(await sourceErrorOf(readAll({ url: `${database.url}?sslmode=verify-full`, query }))).toMatchObject({ code: 'POSTGRES_TLS', retryable: false })
    expect(await sourceErrorOf(readAll({ url: database.url, connection: { ssl: { ca: 'none' } }, query }))).toMatchObject({ code: 'POSTGRES_TLS' })
  })
})

describe('what a server or driver says', () => {
  test.each([
    ['28P01', 'POSTGRES_AUTH', false],
    ['57P01', 'POSTGRES_LOST', true],
    ['57P03', 'POSTGRES_BUSY', true],
    ['53300', 'POSTGRES_BUSY', true],
    ['40001', 'POSTGRES_BUSY', true],
    ['57014', 'POSTGRES_TIMEOUT', true],
    ['42P01', 'POSTGRES_QUERY', false],
    ['42501', 'POSTGRES_QUERY', false],
    ['ECONNRESET', 'POSTGRES_LOST', true],
    ['EHOSTUNREACH', 'POSTGRES_UNREACHABLE', true],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'POSTGRES_TLS', false],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'POSTGRES_TLS', false],
  ])('under %s is %s', (code, expected, retryable) => {
    const said = Object.assign(new Error('it said hunter22 and no more'), { code })
    const error = postgresError(said, { name: 'postgres://shop/', secrets: ['hunter22'] })
    expect(error).toMatchObject({ code: expected, retryable, hint: expect.any(String) })
    expect(JSON.stringify(storedError(error))).not.toContain('hunter22')
  })
})

test('a Postgres is named without its credentials', () => {
  expect(nameOfPostgres({ url: 'postgres://me:secret@db:5433/shop?sslmode=verify-full' })).toBe('postgres://db:5433/shop?sslmode=verify-full')
  expect(nameOfPostgres({ connection: { host: 'db', port: 5433, user: 'me', password: 'secret', database: 'shop' } })).toBe('postgres://db:5433/shop')
})

test('its secrets are known however they are written, also where a URL is no good one', () => {
  expect(secretsOfPostgres({ url: 'postgres://me:p%40ss1@db/shop', connection: { password: 'other' } })).toEqual(['other', 'p%40ss1', 'p@ss1'])
  expect(secretsOfPostgres({ url: 'postgres://me:100%zz@db/shop' })).toContain('100%zz')
})
