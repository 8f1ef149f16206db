import { readFileSync, writeFileSync } from 'node:fs'
import { openApiDocument } from '../../src/api/openapi.ts'
import { describe, expect, test } from '../support/test.ts'

const checkedIn = new URL('../../docs/openapi.json', import.meta.url)

describe('the OpenAPI document', () => {
  test('is the one that is checked in; UPDATE_OPENAPI=1 writes it anew', () => {
    const text = `${JSON.stringify(openApiDocument(), null, 2)}\n`
    if (process.env['UPDATE_OPENAPI'] === '1') writeFileSync(checkedIn, text)
    const hint = 'The API changed. Look whether callers still work, then run: UPDATE_OPENAPI=1 npx vitest run tests/api/openapi.test.ts'
    expect(JSON.parse(readFileSync(checkedIn, 'utf8')), hint).toEqual(JSON.parse(text))
  })

  test('describes every route with its answers and problems', () => {
    const { openapi, paths, components } = openApiDocument()
    expect(openapi).toBe('3.1.0')
    expect(Object.keys(paths ?? {}).toSorted()).toEqual([
      '/api/v1/assets',
      '/api/v1/assets/{key}/materializations',
      '/api/v1/assets/{key}/observations',
      '/api/v1/automation',
      '/api/v1/automation/{location}/evaluate',
      '/api/v1/automation/{location}/evaluations',
      '/api/v1/automation/{location}/start',
      '/api/v1/automation/{location}/stop',
      '/api/v1/backfills',
      '/api/v1/backfills/{id}',
      '/api/v1/backfills/{id}/cancel',
      '/api/v1/backfills/{id}/retry',
      '/api/v1/check-results',
      '/api/v1/events/stream',
      '/api/v1/jobs',
      '/api/v1/jobs/{location}/{name}/partitions',
      '/api/v1/jobs/{location}/{name}/runs',
      '/api/v1/limits',
      '/api/v1/locations',
      '/api/v1/locations/{name}/forget',
      '/api/v1/notifications',
      '/api/v1/notifications/{id}/retry',
      '/api/v1/partition-keys',
      '/api/v1/partitions',
      '/api/v1/partitions/list',
      '/api/v1/partitions/wipe',
      '/api/v1/pause',
      '/api/v1/pauses',
      '/api/v1/pools',
      '/api/v1/quarantine',
      '/api/v1/resume',
      '/api/v1/runs',
      '/api/v1/runs/{id}',
      '/api/v1/runs/{id}/cancel',
      '/api/v1/runs/{id}/events',
      '/api/v1/runs/{id}/explain',
      '/api/v1/runs/{id}/relaunch',
      '/api/v1/runs/{id}/retry',
      '/api/v1/schedules',
      '/api/v1/schedules/{location}/{name}/start',
      '/api/v1/schedules/{location}/{name}/stop',
      '/api/v1/schedules/{location}/{name}/tick',
      '/api/v1/schedules/{location}/{name}/ticks',
      '/api/v1/sensors',
      '/api/v1/sensors/{location}/{name}/evaluate',
      '/api/v1/sensors/{location}/{name}/messages',
      '/api/v1/sensors/{location}/{name}/start',
      '/api/v1/sensors/{location}/{name}/stop',
      '/api/v1/sensors/{location}/{name}/ticks',
    ])
    expect(Object.keys(paths?.['/api/v1/runs']?.post?.responses ?? {})).toEqual(['200', '201', '400', '403', '404', '409', '415', '422', '503'])
    expect(Object.keys(components?.schemas ?? {})).toEqual(expect.arrayContaining(['Run', 'RunDetail', 'Step', 'Asset', 'Problem', 'Failure']))
  })
})
