import { storedMetadata } from '../../src/definitions/metadata/fields.ts'
import { MetadataValue } from '../../src/definitions/metadata/index.ts'
import { plainMetadata, typedMetadata } from '../../src/pipes/metadata.ts'
import { expect, test } from '../support/test.ts'

const runId = '11111111-0000-4000-8000-000000000001'
const lineage = { deps_by_column: { total: [{ asset_key: 'shop/sales', column_name: 'amount' }], id: [{ asset_key: ['shop', 'ids'], column_name: 'id' }] } }

/** Types of the protocol, a value as it comes, and what is stored. */
const cases: readonly (readonly [type: string, raw: unknown, stored: unknown])[] = [
  ['text', 'a', { type: 'text', value: 'a' }],
  ['md', '# a', { type: 'markdown', value: '# a' }],
  ['url', 'https://example.com', { type: 'url', value: 'https://example.com' }],
  ['path', '/a.csv', { type: 'path', value: '/a.csv' }],
  ['notebook', '/a.ipynb', { type: 'path', value: '/a.ipynb' }],
  ['json', [1, null], { type: 'json', value: [1, null] }],
  ['int', 3, { type: 'int', value: 3 }],
  ['int', '1152921504606846977', { type: 'int', value: '1152921504606846977' }],
  ['float', 0.5, { type: 'float', value: 0.5 }],
  ['float', 'NaN', { type: 'float', value: 'NaN' }],
  ['bool', false, { type: 'bool', value: false }],
  ['null', null, { type: 'null', value: null }],
  ['dagster_run', runId, { type: 'run', value: runId }],
  ['asset', 'shop/sales', { type: 'asset', value: 'shop/sales' }],
  ['timestamp', 1767225600.5, { type: 'timestamp', value: '2026-01-01T00:00:00.500Z' }],
  ['table', { records: [{ b: 2, a: 1 }], schema: [{ name: 'a', type: 'int' }] }, { type: 'table', value: { columns: ['a'], rows: [[1]] } }],
  ['table', { records: [{ a: 1 }] }, { type: 'table', value: { columns: ['a'], rows: [[1]] } }],
  [
    'table_schema',
    { columns: [{ name: 'id', type: 'int', description: 'who', constraints: { nullable: false, unique: true } }] },
    { type: 'tableSchema', value: { columns: [{ name: 'id', type: 'int', description: 'who', nullable: false }] } },
  ],
  [
    'table_column_lineage',
    lineage,
    {
      type: 'columnLineage',
      value: {
        columns: [
          { column: 'total', from: [{ asset: 'shop/sales', column: 'amount' }] },
          { column: 'id', from: [{ asset: 'shop/ids', column: 'id' }] },
        ],
      },
    },
  ],
  // What has no type, an unknown one, or does not fit its type, is plain JSON, and never taken for what it is not.
  ['__infer__', 'https://example.com', 'https://example.com'],
  ['hologram', { a: 1 }, { a: 1 }],
  ['toString', 'a', 'a'],
  ['int', 'many', 'many'],
  ['timestamp', 'yesterday', 'yesterday'],
  ['__infer__', { type: 'url', value: 'x' }, { type: 'json', value: { type: 'url', value: 'x' } }],
]

test.for(cases)('%s %j of a script is stored as its kind', ([type, raw_value, stored]) => {
  const given = { it: { type, raw_value } }
  expect(storedMetadata('reports/model', typedMetadata(given, plainMetadata(given)))['it']).toEqual(stored)
})

test('a script can say every kind but a job', () => {
  const said = cases.flatMap(([, , stored]) => MetadataValue.safeParse(stored).data?.type ?? [])
  expect([...new Set([...said, 'job'])].toSorted()).toEqual(MetadataValue.options.map((one) => one.shape.type.value).toSorted())
})
