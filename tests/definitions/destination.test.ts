import * as z from 'zod'
import { destination, fromEnv } from '../../src/definitions/destination.ts'
import type { DestinationSpec } from '../../src/definitions/destination.ts'
import { defineLocation } from '../../src/definitions/location.ts'
import { manifestOf } from '../../src/definitions/manifest.ts'
import { sqlAsset } from '../../src/definitions/sql-asset.ts'
import { table } from '../../src/definitions/table.ts'
import { describe, expect, test } from '../support/test.ts'

const finance = destination({ name: 'finance', url: fromEnv('FINANCE_DATABASE_URL'), caFile: fromEnv('FINANCE_CA_FILE') })
const view = (key: string, where?: DestinationSpec) =>
  sqlAsset({ key, select: 'SELECT 1 AS one', store: { kind: 'view' }, ...(where && { destination: where }) })

describe('a destination', () => {
  test('is in the manifest by the names of its variables alone', () => {
    const rows = table({ key: 'a/rows', columns: z.object({ id: z.int() }), destination: finance, extract: () => [] })
    const { assets } = manifestOf(defineLocation({ name: 'place', assets: [rows, view('a/view')] }))
    expect(assets.map((one) => ('destination' in one ? one.destination : undefined))).toEqual([
      { name: 'finance', url: { env: 'FINANCE_DATABASE_URL' }, caFile: { env: 'FINANCE_CA_FILE' } },
      undefined,
    ])
  })

  test.each([
    ['an address in the clear', { name: 'finance', url: 'postgres://user:secret@host/db' }],
    ['a name that is no name', { name: 'Finance!', url: fromEnv('A') }],
    ['the name of the one that assets have anyway', { name: 'default', url: fromEnv('A') }],
    ['an address where a variable is named', { name: 'finance', url: fromEnv('postgres://user:secret@host/db') }],
  ])('refuses %s, without repeating it', (_, options) => {
    expect(() => destination(options as DestinationSpec)).toThrow(
      expect.objectContaining({ name: 'DefinitionError', message: expect.not.stringContaining('secret') }),
    )
  })

  test('that an asset only names is refused', () => {
    expect(() => view('a/view', 'finance' as unknown as DestinationSpec)).toThrow(/`destination` of the SQL asset a\/view must be what destination\(/)
  })

  test('is one database in a location, whichever asset says it', () => {
    const other = destination({ name: 'finance', url: fromEnv('OTHER_DATABASE_URL') })
    expect(() => defineLocation({ name: 'place', assets: [view('a/view', finance), view('a/other', other)] })).toThrow(
      /Two different destinations of place are called finance \(the second one by a\/other\)/,
    )
  })

  test('may have a table of the same name as another one', () => {
    const twins = [view('a_b/c', finance), view('a/b/c')]
    expect(defineLocation({ name: 'place', assets: twins }).assets).toHaveLength(2)
    expect(() => defineLocation({ name: 'place', assets: [view('a_b/c', finance), view('a/b/c', finance)] })).toThrow(
      /The table a_b.c of the destination finance/,
    )
  })
})
