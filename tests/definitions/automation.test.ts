import { Condition, nameOf } from '../../src/definitions/automation/condition.ts'
import { eager, onCron, onMissing, when } from '../../src/definitions/automation/conditions.ts'
import { asset } from '../../src/definitions/function-asset.ts'
import { defineLocation } from '../../src/definitions/location.ts'
import { Manifest, manifestOf } from '../../src/definitions/manifest.ts'
import { sqlAsset } from '../../src/definitions/sql-asset.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { describe, expect, test } from '../support/test.ts'

const io = jsonFiles({ folder: 'values' })
const a = asset({ key: 'a', io, run: () => 1 })
const locationOf = (automation: Condition) => defineLocation({ name: 'conditions', assets: [a, asset({ key: 'c', io, deps: [a], run: () => 1, automation })] })

describe('the definition of a condition', () => {
  test('is plain data in the manifest, under the name by which it is written', () => {
    const conditions = [
      eager({ lookbackMs: 5 }),
      onCron('0 6 * * *', { timeZone: 'Europe/Paris', only: [a] }),
      onMissing(),
      when.not(when.asset(a, when.newlyMissing())),
    ]
    for (const condition of conditions) {
      const manifest = manifestOf(locationOf(condition))
      expect(Manifest.parse(JSON.parse(JSON.stringify(manifest)))).toEqual(manifest)
      expect(manifest.assets.at(-1)?.automation).toEqual(condition)
    }
    expect(conditions.map(nameOf)).toEqual(['eager', 'onCron(0 6 * * *, Europe/Paris)', 'onMissing', 'not(asset(a, newlyMissing))'])
    const view = sqlAsset({ key: 's/v', select: 'SELECT 1', store: { kind: 'view' }, automation: eager() })
    expect(manifestOf(defineLocation({ name: 'sql', assets: [view] })).assets[0]?.automation).toEqual(eager())
    expect(nameOf(when.without(eager(), when.anyDepsMissing()))).toBe('eager without anyDepsMissing')
  })

  test.for<[name: string, define: () => unknown, message: RegExp]>([
    ['a cron expression that is none', () => onCron('every day'), /"every day" is no cron expression of a condition/],
    ['a time zone that there is not', () => onCron('0 1 * * *', { timeZone: 'Mars/North' }), /no time zone "Mars\/North"/],
    ['a dependency that it has not', () => locationOf(eager({ ignore: ['b'] })), /automation of c names b, on which it does not hang. It hangs on a\./],
    ['an asset that there is not', () => locationOf(when.asset('x', when.missing())), /automation of c names x, which the location conditions does not define/],
    ['what is no condition', () => locationOf({ kind: 'sometimes' } as never), /automation of c is no condition/],
    ['a part to leave out that it has not', () => when.without(eager(), when.missing()), /names no part/],
    ['a lookback of nothing', () => eager({ lookbackMs: 0 }), /whole number of milliseconds above 0/],
  ])('refuses %s', ([, define, message]) => {
    expect(define).toThrow(message)
  })
})
