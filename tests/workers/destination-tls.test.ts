import { join } from 'node:path'
import pg from 'pg'
import * as z from 'zod'
import { addressOf } from '../../src/catalog/destination-address.ts'
import { destination, fromEnv } from '../../src/definitions/destination.ts'
import { table } from '../../src/definitions/table.ts'
import { createEmbeddedPostgres } from '../../src/embedded/embedded-postgres.ts'
import { createDestinationPool } from '../../src/workers/destination-pool.ts'
import { createCertificates } from '../support/certificates.ts'
import type { Certificates } from '../support/certificates.ts'
import { startEngine, testLogger } from '../support/engine.ts'
import { atFileEnd, beforeAll, describe, expect, onTestFinished, temporaryFolder, test, waitFor } from '../support/test.ts'

const plain = destination({ name: 'finance', url: fromEnv('FINANCE_DATABASE_URL') })
const secured = destination({ name: 'finance', url: fromEnv('FINANCE_DATABASE_URL'), caFile: fromEnv('FINANCE_CA_FILE') })

describe('a destination with TLS and a password', () => {
  let url: string
  let certificates: Certificates
  beforeAll(async () => {
    certificates = await createCertificates()
    const settings = { ssl: 'on', ssl_cert_file: certificates.certFile, ssl_key_file: certificates.keyFile }
    const server = await createEmbeddedPostgres({ folder: await temporaryFolder(), durable: false, password: 'known', settings })
    atFileEnd(() => server.close())
    url = server.url
  })

  /** `tls` or `plain`, or why there is no connection. */
  const reach = async (given: string, caFile?: string): Promise<string> => {
    const { driverUrl } = addressOf(caFile === undefined ? plain : secured, { FINANCE_DATABASE_URL: given, FINANCE_CA_FILE: caFile })
    const pool = createDestinationPool({ url: driverUrl, maxConnections: 1, check: false, logger: testLogger })
    onTestFinished(() => pool.close())
    const lent = await pool.lend()
    if ('delayMs' in lent) return lent.reason
    const { rows } = await lent.use((client) => client.query<{ ssl: boolean }>('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()'))
    lent.release()
    return rows[0]?.ssl === true ? 'tls' : 'plain'
  }
  const named = (): string => url.replace('127.0.0.1', 'localhost')

  test('is reached as its sslmode says, which means what it means to psql', async () => {
    expect(await reach(url)).toBe('plain')
    expect(await reach(`${url}?sslmode=disable`)).toBe('plain')
    expect(await reach(`${url}?sslmode=require`)).toBe('tls')
    expect(await reach(`${url}?sslmode=verify-full`)).toMatch(/certificate/)
    expect(await reach(`${named()}?sslmode=verify-ca&sslrootcert=${certificates.caFile}`)).toBe('tls')
    expect(await reach(`${named()}?sslmode=verify-full&sslrootcert=${certificates.caFile}`)).toMatch(/altnames/)
  })

  test('is checked against the file of its authority, name included, unless its sslmode asks for less', async () => {
    expect(await reach(url, certificates.caFile)).toBe('tls')
    expect(await reach(url, certificates.strangerFile)).toMatch(/certificate/)
    expect(await reach(named(), certificates.caFile)).toMatch(/altnames/)
    expect(await reach(`${named()}?sslmode=verify-ca`, certificates.caFile)).toBe('tls')
  })

  test('whose file of the authority is not there says which variable names it', () => {
    const env = { FINANCE_DATABASE_URL: url, FINANCE_CA_FILE: join(certificates.caFile, 'nowhere') }
    expect(() => addressOf(secured, env)).toThrow(
      expect.objectContaining({ code: 'DESTINATION_INVALID', message: expect.stringMatching(/FINANCE_CA_FILE .*nowhere/) }),
    )
    expect(() => addressOf(plain, { FINANCE_DATABASE_URL: 'mysql://u:hush@h/d' })).toThrow(
      expect.objectContaining({ code: 'DESTINATION_INVALID', message: expect.not.stringContaining('hush') }),
    )
  })

  test('takes its loads; with a wrong password they wait, and go on when it is right', async () => {
    const engine = await startEngine({ backend: 'postgres' })
    const asset = table({ key: 'secured/rows', columns: z.object({ id: z.int() }), destination: secured, extract: () => [[{ id: 1 }]] })
    const wrong = url.replace(':known@', ':later@')
    await engine.define([asset], { env: { FINANCE_DATABASE_URL: wrong, FINANCE_CA_FILE: certificates.caFile } })
    const { runId } = await engine.launch('secured/rows')
    await waitFor(async () => engine.value(`SELECT reason FROM millrace.outage WHERE reason LIKE 'password authentication failed%'`), { what: 'the refusal' })
    const admin = new pg.Client(url)
    await admin.connect()
    await admin.query(`ALTER ROLE postgres PASSWORD 'later'`)
    expect(await engine.ended(runId)).toMatchObject({ status: 'succeeded', step: { attempt: 1 } })
    expect((await admin.query('SELECT count(*)::int AS rows FROM secured.rows')).rows).toEqual([{ rows: 1 }])
    await admin.end()
  })
})
