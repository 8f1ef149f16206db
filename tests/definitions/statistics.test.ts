import * as z from 'zod'
import { defineLocation } from '../../src/definitions/location.ts'
import { manifestOf } from '../../src/definitions/manifest.ts'
import { table } from '../../src/definitions/table.ts'
import type { TableSettings } from '../../src/definitions/table-options.ts'
import { watchedColumns } from '../../src/warehouse/statistics/watched-columns.ts'
import { expect, test } from 'vitest'

function specOf(settings: TableSettings) {
  const columns = z.object({ id: z.int(), emailAddress: z.string(), accessToken: z.string() })
  const [asset] = manifestOf(defineLocation({ name: 'shop', assets: [table({ key: 'shop/people', columns, extract: () => [], ...settings })] })).assets
  if (asset?.kind !== 'table') throw new Error('no table')
  return asset
}
const watched = (settings: TableSettings) => watchedColumns(specOf(settings).table)?.map((column) => column?.name)

test('every column is looked at, but those whose names say that they are secrets', () => {
  expect(watched({})).toStrictEqual(['id', 'email_address', undefined])
})

test('a definition leaves columns out, by field or column, or all of them; a running load takes no notice', () => {
  expect(watched({ statistics: { exclude: ['emailAddress'] } })).toStrictEqual(['id', undefined, undefined])
  expect(specOf({ statistics: { exclude: ['email_address'] } }).table.statistics).toStrictEqual({ exclude: ['email_address'] })
  expect(watched({ statistics: false })).toBeUndefined()
  expect(specOf({ statistics: false }).fingerprint).toBe(specOf({}).fingerprint)
})

test('what it leaves out must be there', () => {
  expect(() => specOf({ statistics: { exclude: ['phone'] } })).toThrow('The statistics of shop/people exclude "phone", which its columns do not have.')
  expect(() => specOf({ statistics: true as never })).toThrow(/`statistics` of the table shop\/people must be false, or an object/)
  expect(() => specOf({ statistics: { exclude: ['id'], others: 1 } as never })).toThrow(/The statistics of shop\/people cannot be/)
})
