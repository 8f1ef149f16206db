import * as z from 'zod'
import { asset } from '../../src/definitions/function-asset.ts'
import { defineLocation } from '../../src/definitions/location.ts'
import type { JsonObject } from '../../src/definitions/json.ts'
import { manifestOf } from '../../src/definitions/manifest.ts'
import { multiAsset } from '../../src/definitions/multi-asset.ts'
import { graphAsset } from '../../src/definitions/ops/graph-asset.ts'
import { graph } from '../../src/definitions/ops/graph.ts'
import { op } from '../../src/definitions/ops/op.ts'
import { sqlAsset } from '../../src/definitions/sql-asset.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { checkRunConfig, mergeConfig } from '../../src/producers/launch/run-config.ts'
import { runAssets } from '../../src/testing/run-assets.ts'
import { describe, expect, test } from '../support/test.ts'

const io = jsonFiles({ folder: 'values' })
const config = z.object({ by: z.int().default(1), since: z.iso.date().optional() })
const run = ({ config: { by } }: { readonly config: z.output<typeof config> }): number => by
const add = op({ name: 'add', output: z.int(), config, run })
const assets = [
  asset({ key: 'shop/day', io, config, run }),
  asset({ key: 'plain', io, run: () => 1 }),
  graphAsset({ key: 'shop/sum', io, graph: graph({ name: 'sum', compose: () => add() }) }),
  multiAsset({ name: 'shop/pair', io, config, outputs: { a: { key: 'p/a', value: z.int() }, b: { key: 'p/b', value: z.int() } }, run: () => ({ a: 1, b: 2 }) }),
  sqlAsset({ key: 'shop/view', select: 'SELECT 1', store: { kind: 'view' } }),
  // Its key is written as Dagster's name of another would be.
  asset({ key: 'a__b', io, config, run }),
  asset({ key: 'a/b', io, config, run }),
]
const specs = manifestOf(defineLocation({ name: 'place', assets })).assets
const refusalOf = (given: JsonObject): unknown => {
  try {
    return checkRunConfig(specs, given)
  } catch (error) {
    return error
  }
}

describe('what a run configuration says for one step alone', () => {
  test.for<[given: JsonObject, kept: JsonObject]>([
    [{ ops: { 'shop/day': { config: { by: 2 } } } }, { ops: { 'shop/day': { config: { by: 2 } } } }],
    [
      { by: 3, ops: { shop__day: { config: { by: 2 } } } },
      { by: 3, ops: { 'shop/day': { config: { by: 2 } } } },
    ],
    [
      { ops: { shop__day: { config: { by: 2, since: '2026-01-01' } }, 'shop/day': { config: { by: 4 } } } },
      { ops: { 'shop/day': { config: { by: 4, since: '2026-01-01' } } } },
    ],
    [{ ops: { 'shop/sum.add': { config: { by: 2 } }, 'shop/pair': { config: { by: 3 } } } }, {}],
    [{ ops: { a__b: { config: { by: 2 } } } }, { ops: { a__b: { config: { by: 2 } } } }],
    [{ ops: { plain: {}, 'shop/view': { config: {} } } }, {}],
    [{ ops: {} }, { ops: {} }],
  ])('%j is taken', ([given, kept]) => {
    expect(checkRunConfig(specs, given)).toEqual(Object.keys(kept).length === 0 ? given : kept)
  })

  test('is refused with every path that is wrong', () => {
    const given = {
      by: 'x',
      other: 1,
      ops: {
        shop__day: { config: { by: 1.5, odd: 1 } },
        plain: { config: { by: 1 } },
        'p/a': { config: { by: 1 } },
        gone: {},
        'shop/sum.add': { conf: { by: 1 } },
        'shop/pair': { config: { since: 'never' } },
      },
    }
    expect(refusalOf(given)).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(
        new RegExp(
          [
            String.raw`ops\.shop/day\.config\.odd: the step has no such setting`,
            String.raw`ops\.shop/day\.config\.by: `,
            String.raw`ops\.plain\.config\.by: the step has no such setting`,
            String.raw`ops\.shop/sum\.add: Unrecognized key: "conf"`,
            String.raw`by of shop/pair: `,
            String.raw`ops\.shop/pair\.config\.since: `,
            String.raw`ops\.p/a: the run has no such step`,
            String.raw`ops\.gone: the run has no such step`,
            String.raw`other: no asset of this run has such a setting`,
          ].join('.*'),
        ),
      ) as unknown,
      hint: 'The settings are: by, since. The steps are: shop/day, plain, shop/sum, shop/sum.add, shop/pair, shop/view, a__b, a/b.',
    })
    expect(refusalOf({ ops: ['shop/day'] })).toMatchObject({ message: expect.stringContaining('ops: it must be an object with steps') as unknown })
  })

  test('is over what the job says for it, and a part that cannot be is not lost in between', () => {
    const ofJob = { by: 1, ops: { 'shop/day': { config: { by: 2, since: '2026-01-01' } } } }
    expect(mergeConfig(ofJob, { ops: { 'shop/day': { config: { by: 3 } }, 'a/b': {} } })).toEqual({
      by: 1,
      ops: { 'shop/day': { config: { by: 3, since: '2026-01-01' } }, 'a/b': {} },
    })
    expect(mergeConfig(ofJob, { ops: { 'shop/day': { conf: {} } } })).toEqual({ by: 1, ops: { 'shop/day': { conf: {} } } })
  })

  test('is a field where an asset has one of that name', async () => {
    const seen: unknown[] = []
    const own = asset({
      key: 'x/own',
      io,
      config: z.object({ ops: z.record(z.string(), z.json()), by: z.int().default(1) }),
      run: (context) => seen.push(context.config),
    })
    const other = asset({ key: 'x/other', io, config, run: (context) => seen.push(context.config) })
    const given = { ops: { 'x/other': { config: { by: 5 } }, more: 1 } }
    expect((await runAssets([own, other], { config: given })).status).toBe('succeeded')
    expect(seen).toEqual([{ ...given, by: 1 }, { by: 1 }])
  })
})
