import { inflateSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { contextData, encodeParameters } from '../../src/pipes/context-data.ts'
import { createContext } from './scripts.ts'

describe('the context of a script', () => {
  test('names the asset, its code version, the run and how often it was tried before', () => {
    const { context } = createContext({ attempt: 3, codeVersion: 'v7', jobName: 'nightly' })
    expect(contextData(context, { extras: { day: '2026-01-01' } })).toEqual({
      asset_keys: ['reports/model'],
      code_version_by_asset_key: { 'reports/model': 'v7' },
      provenance_by_asset_key: { 'reports/model': null },
      partition_key: null,
      partition_key_range: null,
      partition_time_window: null,
      run_id: 'the-run',
      job_name: 'nightly',
      retry_number: 2,
      extras: { day: '2026-01-01' },
    })
  })

  test('of a partition has its key, and its window where it has one', () => {
    const window = { start: new Date('2026-01-01T00:00:00Z'), end: new Date('2026-01-02T00:00:00Z') }
    expect(contextData(createContext({ partition: { key: 'eu', window: undefined } }).context, {})).toMatchObject({
      partition_key: 'eu',
      partition_key_range: { start: 'eu', end: 'eu' },
      partition_time_window: null,
    })
    expect(contextData(createContext({ partition: { key: '2026-01-01', window } }).context, {})).toMatchObject({
      partition_key: '2026-01-01',
      partition_time_window: { start: '2026-01-01T00:00:00.000Z', end: '2026-01-02T00:00:00.000Z' },
    })
  })

  test('of several assets, and of none, says so', () => {
    const { context } = createContext({ codeVersion: 'v7' })
    expect(contextData(context, { assetKeys: ['reports/model', 'reports/other'] })).toMatchObject({
      asset_keys: ['reports/model', 'reports/other'],
      code_version_by_asset_key: { 'reports/model': 'v7', 'reports/other': null },
    })
    expect(contextData(createContext({ assetKey: undefined }).context, {})).toMatchObject({
      asset_keys: null,
      code_version_by_asset_key: null,
      provenance_by_asset_key: null,
    })
  })

  test('goes into a variable as base64 of zlib of JSON', () => {
    const encoded = encodeParameters({ path: '/tmp/ä' })
    expect(JSON.parse(inflateSync(Buffer.from(encoded, 'base64')).toString())).toEqual({ path: '/tmp/ä' })
  })
})
