import type { KnownAsset } from '../../src/catalog/automation.ts'
import { eager, onCron, onMissing, when } from '../../src/definitions/automation/conditions.ts'
import type { Condition } from '../../src/definitions/automation/condition.ts'
import { asset } from '../../src/definitions/function-asset.ts'
import type { FunctionAsset } from '../../src/definitions/function-asset.ts'
import { defineLocation } from '../../src/definitions/location.ts'
import { manifestOf } from '../../src/definitions/manifest.ts'
import { mapPartitions } from '../../src/definitions/partitions/partition-mapping.ts'
import { dailyPartitions, staticPartitions } from '../../src/definitions/partitions/partitions.ts'
import { partitionSet } from '../../src/definitions/partitions/partition-set.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { idOf, lastTimes } from '../../src/producers/automation/facts.ts'
import type { Facts, Update } from '../../src/producers/automation/facts.ts'
import { runsOf } from '../../src/producers/automation/group-runs.ts'
import { answerOf, judge, signatureOf, withAsked } from '../../src/producers/automation/judge.ts'
import { describe, expect, test } from '../support/test.ts'

const io = jsonFiles({ folder: 'values' })
const minute = 60_000

/** A location's assets as conditions see them, minute by minute; no database. `a` and `a:2026-03-09` name a cell. */
function world(assets: readonly FunctionAsset[]) {
  let specs = manifestOf(defineLocation({ name: 'conditions', assets })).assets
  let now = Date.parse('2026-03-10T12:00:30Z')
  let before: number | undefined
  const known = new Map<string, KnownAsset>()
  const materialized = new Map<string, number>()
  const running = new Map<string, string>()
  const failed = new Set<string>()
  let updates = new Map<string, Update>()
  let wiped = new Set<string>()
  const cellOf = (name: string) => ({ asset: name.split(':')[0] ?? '', partition: name.split(':')[1] ?? '' })
  const id = (name: string) => idOf(cellOf(name))
  const own = {
    /** It was materialized, by a run that made `also` too; its step began `began` minutes ago. */
    update(name: string, { also = [], began = 0 }: { also?: readonly string[]; began?: number } = {}) {
      // Between two evaluations.
      const at = now + minute / 2
      materialized.set(id(name), at)
      const { asset: key, partition } = cellOf(name)
      updates.set(id(name), {
        at,
        began: at - began * minute,
        run: 'by hand',
        runAssets: new Set([key, ...also]),
        runPartitions: partition === '' ? undefined : new Set([partition]),
      })
      running.delete(id(name))
      failed.delete(id(name))
    },
    wipe(name: string) {
      materialized.delete(id(name))
      wiped.add(id(name))
    },
    begin: (name: string) => void running.set(id(name), 'by hand'),
    fail(name: string) {
      running.delete(id(name))
      failed.add(id(name))
    },
    pass: (minutes: number) => void (now += minutes * minute),
    redefine: (others: readonly FunctionAsset[]) => void (specs = manifestOf(defineLocation({ name: 'conditions', assets: others })).assets),
    /** An evaluation: the runs that it asks for, as `a,b` or `a:2026-03-09`; each is under way until its assets are updated or fail. */
    tick(): string[] {
      now += minute
      const moment = { now: new Date(now), dynamic: () => [] }
      const facts: Facts = {
        now,
        before,
        specs: new Map(specs.map((one) => [one.key, one])),
        sets: new Map(specs.flatMap(({ key, partitions }) => (partitions === undefined ? [] : [[key, partitionSet(partitions, moment)] as const]))),
        updates,
        wiped,
        materialized,
        failed,
        running,
        backfilling: new Map(),
        lastTime: lastTimes(now),
      }
      const judgement = judge(specs, facts, known)
      const runs = runsOf(specs, judgement.assets)
      for (const [number, run] of runs.entries()) {
        for (const { key } of run.assets)
          for (const partition of run.partitions ?? ['']) running.set(idOf({ asset: key, partition }), `run ${String(now)} ${String(number)}`)
      }
      for (const one of judgement.assets) {
        const by = new Map(one.cells.map(({ partition }) => [partition, running.get(idOf({ asset: one.key, partition })) ?? '']))
        known.set(one.key, {
          asset: one.key,
          condition: one.condition,
          state: withAsked(one, by, now),
          signature: signatureOf(one),
          answer: answerOf(one).answer,
        })
        reasons.set(one.key, answerOf(one).reason)
      }
      before = now
      updates = new Map()
      wiped = new Set()
      return runs.map((run) => `${run.assets.map(({ key }) => key).join(',')}${run.partitions === undefined ? '' : `:${run.partitions.join(',')}`}`)
    },
    reason: (key: string) => reasons.get(key) ?? '',
  }
  const reasons = new Map<string, string>()
  return own
}
type World = ReturnType<typeof world>

const of = (key: string, automation?: Condition, deps: readonly string[] = []): FunctionAsset =>
  asset({ key, io, deps, run: () => 1, ...(automation === undefined ? {} : { automation }) })

/** `a` and `b`, and `c`, which is made from both and has the condition. All are there. */
function three(automation: Condition): World {
  const found = world([of('a'), of('b'), of('c', automation, ['a', 'b'])])
  for (const key of ['a', 'b', 'c']) found.update(key)
  expect(found.tick()).toEqual([])
  return found
}

describe('an automation condition', () => {
  // One row: what it is called, the condition of `c`, and what happens, by minutes: what is done, and what the evaluation after asks for.
  type Act = (now: World) => void
  const nothing: Act = () => undefined
  const updateA: Act = (now) => now.update('a')
  test.for<[name: string, condition: Condition, steps: readonly (readonly [Act, readonly string[], reason?: RegExp])[]]>([
    [
      'eager starts once for an update',
      eager(),
      [
        [nothing, [], /^eager: newlyMissing or anyDepsUpdated: it was not true yet; waits for the first time$/],
        [updateA, ['c']],
        [nothing, []],
        [(now) => now.update('c'), []],
        [nothing, []],
        [updateA, ['c']],
      ],
    ],
    [
      'eager waits for what is missing, and says so',
      eager(),
      [
        [(now) => now.wipe('b'), [], /^eager: anyDepsMissing: b: .*; waits until .*; and newlyMissing or anyDepsUpdated: .*; waits for the first time$/],
        [updateA, [], /^eager: anyDepsMissing: b: missing: never materialized; waits until it is materialized$/],
        [nothing, []],
        [(now) => now.update('b'), ['c']],
        [(now) => now.update('c'), [], /^eager: newlyMissing or anyDepsUpdated: true at .*, handled at .*; waits for the next time$/],
      ],
    ],
    [
      'eager waits for what is being made',
      eager(),
      [
        [(now) => (now.begin('b'), now.update('a')), [], /^eager: anyDepsInProgress: b: inProgress: runInProgress: the run by hand; waits until it has ended$/],
        [(now) => now.update('b'), ['c']],
      ],
    ],
    [
      'eager starts again for what came after its run began, and not for what came before',
      eager(),
      [
        [updateA, ['c']],
        [updateA, [], /inProgress/],
        [(now) => now.update('c', { began: 1.5 }), ['c']],
        [updateA, []],
        [(now) => (now.pass(1), now.update('c', { began: 0.5 })), []],
        [nothing, []],
      ],
    ],
    [
      'eager leaves alone what a run made together with it',
      eager(),
      [
        [(now) => now.update('a', { also: ['c'] }), []],
        [(now) => now.update('c'), []],
        [nothing, []],
      ],
    ],
    [
      'eager does not try a failed one again until something changed',
      eager(),
      [
        [updateA, ['c']],
        [(now) => now.fail('c'), []],
        [nothing, []],
        [nothing, []],
        [(now) => now.update('b'), ['c']],
        [(now) => now.fail('c'), []],
        [nothing, []],
      ],
    ],
    [
      'eager makes what was wiped',
      eager(),
      [
        [(now) => now.wipe('c'), ['c']],
        [(now) => now.fail('c'), []],
        [nothing, []],
      ],
    ],
    [
      'eager of some dependencies looks at no other',
      eager({ only: ['b'] }),
      [
        [updateA, []],
        [(now) => now.wipe('a'), []],
        [(now) => now.update('b'), ['c']],
      ],
    ],
    [
      'eager ignores dependencies',
      eager({ ignore: ['a'] }),
      [
        [updateA, []],
        [(now) => now.update('b'), ['c']],
      ],
    ],
    ['eager without a part of it', when.without(eager(), when.anyDepsMissing()), [[(now) => (now.wipe('b'), now.update('a')), ['c']]]],
    [
      'onCron starts once after its time, when all was updated since',
      onCron('0 13 * * *'),
      [
        [(now) => (now.update('a'), now.update('b')), []],
        [(now) => now.pass(60), [], /allDepsUpdatedSinceCron.*: a: /],
        [updateA, [], /: b: /],
        [(now) => now.update('b'), ['c']],
        [(now) => now.update('c'), []],
        [updateA, []],
        [(now) => (now.pass(24 * 60), now.update('a'), now.update('b')), ['c']],
      ],
    ],
    [
      'onCron knows time zones',
      onCron('0 14 * * *', { timeZone: 'Europe/Paris' }),
      [
        [(now) => now.pass(58), []],
        [(now) => (now.pass(3), now.update('a'), now.update('b')), ['c']],
      ],
    ],
    [
      'onMissing makes what comes to be missing, not what was so before',
      onMissing(),
      [
        [nothing, []],
        [(now) => now.wipe('c'), ['c']],
        [(now) => now.fail('c'), []],
        [nothing, []],
      ],
    ],
    // Without a bound of its own this would ask each second.
    [
      'missing asks once, and again when something changed',
      when.missing(),
      [
        [(now) => now.wipe('c'), ['c']],
        [nothing, [], /is not over/],
        [(now) => now.fail('c'), [], /nothing that it hangs on has changed/],
        [updateA, ['c']],
      ],
    ],
    [
      'executionFailed',
      when.executionFailed(),
      [
        [nothing, []],
        [(now) => now.fail('c'), ['c']],
      ],
    ],
    [
      'asset looks at another one',
      when.all(when.asset('a', when.missing()), when.not(when.inProgress())),
      [
        [nothing, []],
        [(now) => now.wipe('a'), ['c']],
      ],
    ],
    [
      'any',
      when.any(when.missing(), when.executionFailed()),
      [
        [nothing, []],
        [(now) => now.fail('c'), ['c']],
      ],
    ],
    [
      'newlyUpdated since another',
      when.since(when.asset('a', when.newlyUpdated()), when.asset('b', when.newlyUpdated())),
      [
        [updateA, ['c']],
        [(now) => now.update('b'), []],
      ],
    ],
    [
      'allDepsMatch wants each, at any time since',
      when.allDepsMatch(when.since(when.newlyUpdated(), when.newlyRequested())),
      [
        [updateA, []],
        [nothing, []],
        [(now) => now.update('b'), ['c']],
        [updateA, []],
      ],
    ],
  ])('%s', ([, condition, steps]) => {
    const found = three(condition)
    for (const [place, [act, asked, reason]] of steps.entries()) {
      act(found)
      expect(found.tick(), `after step ${String(place)}: ${found.reason('c')}`).toEqual(asked)
      if (reason !== undefined) expect(found.reason('c')).toMatch(reason)
    }
  })

  test('of what was never made names what is missing above it, before what was so from the beginning', () => {
    const found = world([of('a'), of('c', eager(), ['a'])])
    found.tick()
    expect(found.reason('c')).toMatch(
      /^eager: anyDepsMissing: a: missing: never .*; and newlyMissing or .* for the first time, at .*; waits for the next time$/,
    )
    found.begin('a')
    found.tick()
    expect(found.reason('c')).toMatch(/^eager: anyDepsMissing: a: .*; and anyDepsInProgress: a: .*: the run by hand; waits until it has ended$/)
    found.update('a')
    expect(found.tick()).toEqual(['c'])
  })

  test('that is always true asks once, and again when something changed', () => {
    const found = world([of('a'), of('c', when.inLatestTimeWindow(), ['a'])])
    expect([found.tick(), found.tick()]).toEqual([['c'], []])
    found.update('c')
    expect([found.tick(), found.tick()]).toEqual([[], []])
    found.update('a')
    expect(found.tick()).toEqual(['c'])
  })

  test('starts what belongs together by one run, upstream first', () => {
    const found = world([of('a'), of('d', eager(), ['c']), of('c', eager(), ['b']), of('b', eager(), ['a']), of('other', eager(), ['a'])])
    found.tick()
    for (const key of ['a', 'b', 'c', 'd', 'other']) found.update(key)
    found.tick()
    found.update('a')
    expect(found.tick()).toEqual(['b,c,d,other'])
    for (const key of ['b', 'c', 'd', 'other']) found.update(key)
    expect([found.tick(), found.tick()]).toEqual([[], []])
  })

  test('that is another one begins anew, and what was asked for is not asked for again', () => {
    const [a, missing] = [of('a'), of('c', when.missing(), ['a'])]
    const found = world([a, missing])
    found.update('a')
    expect(found.tick()).toEqual(['c'])
    found.fail('c')
    expect(found.tick()).toEqual([])
    found.redefine([a, of('c', eager(), ['a'])])
    expect([found.tick(), found.tick()]).toEqual([[], []])
    found.update('a')
    expect(found.tick()).toEqual(['c'])
  })

  test('of a code version that changed', () => {
    const versioned = (codeVersion: string) => [asset({ key: 'c', io, codeVersion, run: () => 1, automation: when.codeVersionChanged() })]
    const found = world(versioned('1'))
    expect([found.tick(), found.tick()]).toEqual([[], []])
    found.redefine(versioned('2'))
    expect([found.tick(), found.tick()]).toEqual([['c'], []])
  })

  const daily = dailyPartitions({ start: '2026-03-01' })
  test('is asked of the latest window of time, and of a new one when it comes', () => {
    const day = asset({ key: 'day', partitions: daily, io, run: () => 1, automation: onMissing() })
    const found = world([day, asset({ key: 'after', partitions: daily, deps: [day], io, run: () => 1, automation: eager() })])
    expect([found.tick(), found.tick()]).toEqual([[], []])
    found.pass(24 * 60)
    expect(found.tick()).toEqual(['day,after:2026-03-10'])
    found.update('day:2026-03-10', { also: ['after'] })
    found.fail('after:2026-03-10')
    expect(found.tick()).toEqual([])
    found.update('day:2026-03-05')
    expect(found.tick()).toEqual([])
    found.update('day:2026-03-10')
    expect(found.tick()).toEqual(['after:2026-03-10'])
  })

  test('looks back as far as it says', () => {
    const day = asset({ key: 'day', partitions: daily, io, run: () => 1 })
    const found = world([day, asset({ key: 'after', partitions: daily, deps: [day], io, run: () => 1, automation: eager({ lookbackMs: 3 * 86_400_000 }) })])
    found.tick()
    for (const key of ['2026-03-06', '2026-03-07', '2026-03-09']) found.update(`day:${key}`)
    expect(found.tick()).toEqual(['after:2026-03-07', 'after:2026-03-09'])
  })

  test('goes by the mapping of partitions', () => {
    const region = asset({ key: 'region', partitions: staticPartitions(['eu', 'us']), io, run: () => 1 })
    const all = asset({ key: 'all', deps: [region], io, run: () => 1, automation: eager() })
    const last = asset({ key: 'last', deps: [{ asset: region, partitions: mapPartitions.last() }], io, run: () => 1, automation: eager() })
    const found = world([region, all, last])
    found.tick()
    found.update('region:eu')
    expect(found.tick()).toEqual([])
    expect(found.reason('all')).toMatch(/anyDepsMissing: region \(1 of 2 partitions, as us\): /)
    found.update('region:us')
    expect(found.tick()).toEqual(['all,last'])
  })
})
