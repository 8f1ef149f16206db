import * as z from 'zod'
import { asset } from '../../src/definitions/function-asset.ts'
import { defineLocation } from '../../src/definitions/location.ts'
import { manifestOf } from '../../src/definitions/manifest.ts'
import { table } from '../../src/definitions/table.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { describe, expect, test } from '../support/test.ts'

const io = jsonFiles({ folder: 'values' })
const five = asset({ key: 'basics/five', io, run: () => 5 })
const rows = table({ key: 'basics/rows', columns: z.object({ id: z.int() }), extract: () => [] })

describe('a function asset', () => {
  test('is in the manifest without its code', () => {
    const product = asset({
      key: 'basics/product',
      codeVersion: '2',
      inputs: { five },
      deps: [rows, five],
      config: z.object({ by: z.int().default(2) }),
      io,
      run: ({ inputs, config }) => inputs.five * config.by,
    })
    const { assets } = manifestOf(defineLocation({ name: 'place', assets: [product, five, rows] }))
    expect(assets.map(({ key }) => key)).toEqual(['basics/five', 'basics/rows', 'basics/product'])
    expect(assets[2]).toMatchObject({
      kind: 'function',
      inputs: { five: 'basics/five' },
      deps: ['basics/five', 'basics/rows'],
      codeVersion: '2',
      configSchema: { properties: { by: { default: 2 } } },
    })
    expect(JSON.parse(JSON.stringify(assets))).toEqual(assets)
  })

  test('takes no input that has no value, or is not the location’s own', () => {
    const ofTable = asset({ key: 'basics/product', inputs: { rows: rows as never }, io, run: () => 1 })
    expect(() => defineLocation({ name: 'place', assets: [ofTable, rows] })).toThrow(
      'The input rows of basics/product is basics/rows, which has no value that could be loaded: it is a table. Name it in deps, and query it.',
    )
    const other = asset({ key: 'basics/five', io, run: () => 6 })
    const ofOther = asset({ key: 'basics/product', inputs: { five: other }, io, run: ({ inputs }) => inputs.five })
    expect(() => defineLocation({ name: 'place', assets: [five, ofOther] })).toThrow('is another asset than the one of the location that is called basics/five')
    expect(() => defineLocation({ name: 'place', assets: [ofOther] })).toThrow('depends on basics/five, which the location place does not define')
  })

  test('has a key like any other', () => {
    expect(() => asset({ key: 'not a key', io, run: () => 1 })).toThrow(expect.objectContaining({ code: 'DEFINITION_INVALID' }))
  })
})
