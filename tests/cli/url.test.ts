import { describe, expect, spawnMillrace, temporaryFolder, test } from '../support/test.ts'

describe('millrace url', () => {
  test('prints the destination, and with --catalog the catalogue', async () => {
    const env = { DATABASE_URL: 'postgres://a:secret@db.example.com:5432/catalogue', DESTINATION_URL: 'postgres://b:other@db.example.com:5432/warehouse' }
    const destination = spawnMillrace(['url'], env)
    const catalogue = spawnMillrace(['url', '--catalog'], env)
    expect(await destination.exited).toMatchObject({ code: 0 })
    expect(destination.stdout()).toBe(`${env.DESTINATION_URL}\n`)
    await catalogue.exited
    expect(catalogue.stdout()).toBe(`${env.DATABASE_URL}\n`)
  })

  test('says how to start one where there is none', async () => {
    const run = spawnMillrace(['url'], {}, { cwd: await temporaryFolder() })
    expect(await run.exited).toMatchObject({ code: 3 })
    expect(run.stdout()).toBe('')
    expect(run.stderr()).toContain('millrace dev')
  })
})
