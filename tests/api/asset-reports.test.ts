import { publishManifest, recordLocationError } from '../../src/catalog/manifests.ts'
import { externalAsset } from '../../src/definitions/external-asset.ts'
import { asset } from '../../src/definitions/function-asset.ts'
import { defineLocation } from '../../src/definitions/location.ts'
import { manifestOf } from '../../src/definitions/manifest.ts'
import { dailyPartitions } from '../../src/definitions/partitions/partitions.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { getJson, startBoard, startQueues } from '../board/start.ts'
import { describe, expect, test } from '../support/test.ts'

const accounts = externalAsset({ key: 'crm/accounts', owners: ['team:sales'] })
const visits = externalAsset({ key: 'web/visits', partitions: dailyPartitions({ start: '2026-01-01', end: '2026-01-10' }) })
const report = asset({ key: 'shop/report', deps: [accounts, visits], io: jsonFiles({ folder: 'values' }), run: () => 1 })
const manifest = manifestOf(defineLocation({ name: 'outside', assets: [accounts, visits, report] }))
const post = (body: unknown, key?: string): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...(key === undefined ? {} : { 'idempotency-key': key }) },
  body: JSON.stringify(body),
})

describe('the API of external assets', () => {
  test('takes what others materialized and saw, once for each key, and shows it', async ({ database }) => {
    await publishManifest(database.pool, manifest, 'v1', undefined)
    const { url } = await startBoard({ pool: database.pool, queues: startQueues(database) })
    const at = `${url}/api/v1/assets`
    const body = { metadata: { rows: 1200 } }
    const first = await getJson(`${at}/crm/accounts/materializations`, post(body, 'night-1'))
    expect(first).toMatchObject({ status: 201, body: { asset: 'crm/accounts', location: 'outside', kind: 'materialization', partition: null } })
    // The same again, with the key's slash encoded, and at the same time.
    const again = await Promise.all([1, 2].map(() => getJson(`${at}/crm%2Faccounts/materializations`, post({ metadata: { rows: 9 } }, 'night-1'))))
    expect(again.map(({ status }) => status)).toEqual([200, 200])
    expect(await getJson(`${at}/crm/accounts/observations`, post({ metadata: { rows: 1201 } }))).toMatchObject({ status: 201 })
    expect(await getJson(`${at}/web/visits/materializations`, post({ partition: '2026-01-02' }))).toMatchObject({
      status: 201,
      body: { partition: '2026-01-02' },
    })
    expect(await getJson(`${at}/web/visits/observations`, post({ partition: '2026-01-03', metadata: { seen: true } }))).toMatchObject({ status: 201 })

    const { body: listed } = await getJson(`${at}?select=kind:external`)
    expect(listed).toMatchObject({
      assets: [
        {
          key: 'crm/accounts',
          kind: 'external',
          owners: ['team:sales'],
          destination: null,
          lastMaterialization: { runId: null, rows: 1200, metadata: { rows: 1200 } },
          lastObservation: { metadata: { rows: 1201 } },
        },
        { key: 'web/visits', lastMaterialization: { metadata: {} }, lastObservation: { metadata: { seen: true } } },
      ],
    })
    expect(await getJson(`${url}/api/v1/partitions?asset=web/visits`)).toMatchObject({ body: { counts: { materialized: 1, missing: 8 } } })
    const { rows } = await database.pool.query(`SELECT kind, message, data FROM millrace.event ORDER BY id`)
    expect(rows).toEqual([
      {
        kind: 'materialization',
        message: 'crm/accounts was materialized, as was reported (api).',
        data: { location: 'outside', by: 'api', metadata: { rows: 1200 } },
      },
      { kind: 'observation', message: 'crm/accounts was observed, as was reported (api).', data: { location: 'outside', by: 'api', metadata: { rows: 1201 } } },
      {
        kind: 'materialization',
        message: 'the partition 2026-01-02 of web/visits was materialized, as was reported (api).',
        data: { location: 'outside', partition: '2026-01-02', by: 'api', metadata: {} },
      },
      expect.objectContaining({ kind: 'observation' }),
    ])
    const page = await (await fetch(url)).text()
    expect(page).toContain('Owned by team:sales')
    expect(page).toContain('made elsewhere')
  })

  test('refuses what cannot be, and launches nothing that something else makes', async ({ database }) => {
    await publishManifest(database.pool, manifest, 'v1', undefined)
    const { url } = await startBoard({ pool: database.pool, queues: startQueues(database) })
    const at = `${url}/api/v1/assets`
    await getJson(`${at}/crm/accounts/materializations`, post({}, 'taken'))
    const events = `SELECT count(*)::int AS n FROM millrace.event WHERE kind IN ('materialization', 'observation')`
    const { rows: before } = await database.pool.query(events)
    const refused: [string, RequestInit, number, string][] = [
      ['crm/none/materializations', post({}), 404, 'UNKNOWN_ASSET'],
      ['crm/accounts/materializations', post({ partition: '2026-01-01' }), 422, 'NO_PARTITIONS'],
      ['web/visits/materializations', post({}), 422, 'PARTITION_NEEDED'],
      ['web/visits/observations', post({ partition: '2026-02-01' }), 422, 'UNKNOWN_PARTITION'],
      ['crm/accounts/observations', post({}, 'taken'), 409, 'IDEMPOTENCY_KEY_USED'],
      ['crm/accounts/materializations', post({ rows: 5 }), 400, 'REQUEST_INVALID'],
      ['crm/accounts/materializations', post({ metadata: { ['n'.repeat(5000)]: 1 } }), 422, 'METADATA_INVALID'],
    ]
    for (const [path, init, status, code] of refused) expect(await getJson(`${at}/${path}`, init), path).toMatchObject({ status, body: { code } })
    expect(await getJson(`${url}/api/v1/runs`, post({ assets: ['kind:external'] }))).toMatchObject({ status: 422, body: { code: 'ASSET_EXTERNAL' } })
    const { body } = await getJson(`${url}/api/v1/runs`, post({ assets: ['+shop/report'] }))
    expect(body).toMatchObject({ assets: ['shop/report'] })
    expect((await database.pool.query(events)).rows).toEqual(before)
  })

  test('tells which definitions do not load, of the location that came from their folder, until they do', async ({ database }) => {
    const { url } = await startBoard({ pool: database.pool, queues: startQueues(database) })
    const locations = async () => (await getJson(`${url}/api/v1/locations`)).body
    const broken = {
      name: 'MillraceError',
      code: 'DEFINITIONS_THREW',
      message: '/p/there/definitions.ts could not be loaded: no (/p/there/definitions.ts:3:7)',
    }
    await database.pool.query(`DELETE FROM millrace.location`)
    await recordLocationError(database.pool, 'there', broken)
    expect(await locations()).toMatchObject({ locations: [{ name: 'there', version: null, error: { message: broken.message } }] })
    await publishManifest(database.pool, manifest, 'v1', undefined, 'there')
    expect(await locations()).toMatchObject({ locations: [{ name: 'outside', version: 'v1', error: null, workers: {} }] })
    await recordLocationError(database.pool, 'there', broken)
    expect(await locations()).toMatchObject({ locations: [{ name: 'outside', version: 'v1', error: { message: broken.message } }] })
    expect(await (await fetch(url)).text()).toContain('definitions.ts:3:7')
    await publishManifest(database.pool, manifest, 'v1', undefined, 'there')
    expect(await locations()).toMatchObject({ locations: [{ name: 'outside', error: null }] })
  })
})
