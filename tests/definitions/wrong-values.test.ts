import * as z from 'zod'
import * as millrace from '../../src/index.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { describe, expect, test } from '../support/test.ts'
import { definers, one, Row } from './definers.ts'

/** A value of each sort. What is in the list and in the object is wrong wherever there is something to be wrong. */
const values = { text: 'x', number: 5, true: true, false: false, list: [5], object: { zzz: 5 }, function: () => 1, schema: z.string(), null: null }
type Sort = keyof typeof values

/** Options that may be of these sorts, by their names or, where one name has several meanings, by the definer and the name. All others take none of the values. */
const options: readonly (readonly [sorts: readonly Sort[], names: string])[] = [
  [
    ['text'],
    'key keyPrefix name description group codeVersion pool madeIn tableName tablespace asset select field newestBy deletedBy cron timeZone watch watchLocation',
  ],
  [
    ['text'],
    'within warnAfter assets job jobs start end severity of id day kind disposition schemaContract on locations url schedule.partitions caFile catchUp',
  ],
  [['number'], 'slots timeoutMs retries delayMs factor maxDelayMs fillfactor lag atMost atMostPercent evaluationTimeoutMs maxRuns priority retryDelayMs'],
  [
    ['number'],
    'everyMs atOnce endOffset minuteOffset hourOffset dayOffset maxAgeMs lookbackMs schedule.catchUp mapPartitions,window.start mapPartitions,window.end',
  ],
  [['true', 'false'], 'blocking unlogged resumable subset runOnFirstStart startsStopped'],
  [['object'], 'metadata freshness write store retry partitionBy grants limits pools runs demo names job.inputs job.config job,assets.config schedule.config'],
  [['function'], 'run extract transform repairLine compose message stop when resource.start defineLocation,demo.start mapOver.key'],
  [['schema'], 'config value output'],
  [['true', 'object'], 'cursor quarantine'],
  [['false', 'object'], 'statistics'],
  [['text', 'number', 'true', 'false', 'list', 'object', 'null'], 'initial'],
  [[], 'defineLocation.assets asset,dependency.partitions op,call.after'],
]
const sortsOf = new Map(options.flatMap(([sorts, names]) => names.split(' ').map((name) => [name, sorts] as const)))

const errorOf = (make: () => unknown): unknown => {
  try {
    make()
    return undefined
  } catch (error) {
    return error
  }
}
const refused = { code: expect.stringMatching(/^(?:DEFINITION|METADATA|VALUE)_INVALID$/) as unknown }

describe('a value of the wrong sort', () => {
  test.for(Object.entries(definers))('is refused by %s, whichever option has it', ([definer, [make]]) => {
    const [, names = ''] = /Its options are: (.*)\.$/.exec(String(errorOf(() => make({ zzzzzz: 1 })))) ?? []
    expect(names).not.toBe('')
    for (const name of names.split(', ')) {
      const sorts = sortsOf.get(`${definer.replaceAll(' ', '')}.${name}`) ?? sortsOf.get(name) ?? []
      for (const [sort, value] of Object.entries(values)) {
        const error = errorOf(() => make({ [name]: value }))
        // Of the right sort it may be refused, for what it says, but never by what stumbles over it.
        if (sorts.some((right) => right === sort)) expect(error ?? refused, `${name}: ${sort}`).toMatchObject(refused)
        else expect(error, `${name}: ${sort}`).toMatchObject({ ...refused, message: expect.stringContaining(name) as unknown })
      }
      // Left out, or missing.
      expect(errorOf(() => make({ [name]: undefined })) ?? refused, name).toMatchObject(refused)
    }
  })
})

const io = jsonFiles({ folder: 'values' })
const made = millrace.asset({ key: 'a/made', io, run: () => 1 })
/** As JavaScript calls it. */
const { asset, ...rest } = millrace as unknown as Readonly<Record<string, (...handed: readonly unknown[]) => unknown>>
const call = (name: string, ...handed: readonly unknown[]): unknown => (name === 'asset' ? asset : rest[name])?.(...handed)
const ofAsset = (more: object): unknown => call('asset', { key: 'a/x', io, run: () => 1, ...more })
const ofTable = (more: object): unknown => call('table', { key: 'a/x', columns: Row, extract: () => [], ...more })
const ofSql = (more: object): unknown => call('sqlAsset', { key: 'a/x', select: 'SELECT 1', store: { kind: 'view' }, ...more })
const whens = millrace.when as unknown as Readonly<Record<string, (...handed: readonly unknown[]) => unknown>>
const metadata = millrace.metadata as unknown as Readonly<Record<string, (...handed: readonly unknown[]) => unknown>>

test.for<[what: string, define: () => unknown, message: string | RegExp]>([
  ['no options', () => call('asset'), 'The options of an asset must be an object, not undefined.'],
  ['options in a list', () => call('job', [1]), 'The options of a job must be an object, not a list.'],
  ['no key', () => call('table', { columns: Row, extract: () => [] }), "A table has no `key`. Give it a text, as 'shop/orders'."],
  ['a key of a number', () => call('asset', { key: 5, io, run: () => 1 }), "`key` of an asset must be a text, as 'shop/orders', not 5."],
  ['no function', () => ofAsset({ run: undefined }), 'The asset a/x has no `run`. Give it a function, as ({ inputs }) => ….'],
  ['no place', () => ofAsset({ io: undefined }), 'The asset a/x has no `io`. Give it what stores values, as jsonFiles({ folder }) answers it.'],
  ['a manager that was not made', () => ofAsset({ io: jsonFiles }), /not a function\. Is it to be called\?$/],
  [
    'a configuration that is no schema',
    () => ofAsset({ config: { a: 1 } }),
    '`config` of the asset a/x must be a zod schema, as z.object({ limit: z.int() }), not a plain object.',
  ],
  [
    'a dependency without a list',
    () => ofAsset({ deps: 'a/c' }),
    '`deps` of the asset a/x must be a list of assets or their keys, as [\'shop/orders\'], not the text "a/c".',
  ],
  ['a dependency that is none', () => ofAsset({ deps: ['a/c', undefined] }), /^`deps\[1\]` of the asset a\/x must be an asset, its key .* not undefined\.$/],
  [
    'a mapping that is none',
    () => ofAsset({ deps: [{ asset: 'a/y', partitions: 'last' }] }),
    /^`partitions` of the dependency on a\/y must be .*mapPartitions\.last\(\)/,
  ],
  ['an input by its key', () => ofAsset({ inputs: { x: 'a/b' } }), /^`inputs\.x` of the asset a\/x must be an asset, .* not the text "a\/b"\.$/],
  ['a number of retries', () => ofAsset({ retry: 3 }), '`retry` of the asset a/x must be an object, as { retries: 2, delayMs: 1000 }, not 3.'],
  ['fewer than no retries', () => ofAsset({ retry: { retries: -1 } }), '`retries` of the retry of a/x must be a whole number from 0 to 100, not -1.'],
  // Timers would take it for one of no time.
  ['a month to work', () => ofAsset({ timeoutMs: 2_592_000_000 }), /^`timeoutMs` of the asset a\/x must be .* at most 24 days .* not 2592000000\.$/],
  ['a condition that was not called', () => ofAsset({ automation: millrace.eager }), /^`automation` .*eager\(\).* not a function\. Is it to be called\?$/],
  ['a promise of partitions', () => ofAsset({ partitions: Promise.resolve() }), /not a promise\. Is it to be awaited\?$/],
  ['a hook that is an asset', () => ofAsset({ onFailure: [made] }), /^`onFailure\[0\]` of the asset a\/x must be a hook, .* not the asset a\/made\.$/],
  [
    'a resource that is not there',
    () => ofAsset({ resources: { shop: undefined } }),
    /^`resources\.shop` of the asset a\/x must be a resource, .* not undefined\.$/,
  ],
  ['an owner alone', () => ofAsset({ owners: 'team:x' }), '`owners` of the asset a/x must be a list of texts, as [\'team:sales\'], not the text "team:x".'],
  ['a tag of a number', () => ofAsset({ tags: { tier: 1 } }), '`tags.tier` of the asset a/x must be a text, not 1.'],
  [
    'a secret',
    () => ofAsset({ resources: { shop: 'hush' } }),
    '`resources.shop` of the asset a/x must be a resource, as resource({ start }) answers it, not a text.',
  ],
  ['a secret by its name', () => ofAsset({ inputs: { apiKey: 'hush' } }), /^`inputs\.apiKey` of the asset a\/x must be .* not a text\.$/],
  ['a secret by its form', () => ofAsset({ owners: 'postgres://me:hush@db/shop' }), /not the text "postgres:\/\/me:\[redacted\]@db\/shop"\.$/],
  ['a check of a table', () => ofAsset({ checks: [millrace.notEmpty()] }), /The check not_empty has no option `kind`/],
  [
    'a check of a value',
    () => ofTable({ checks: [{ name: 'c', run: () => ({ passed: true }) }] }),
    /^`checks\[0\]` of the table a\/x must be a check of a table, /,
  ],
  [
    'columns that are none',
    () => ofTable({ columns: { id: z.int() } }),
    '`columns` of the table a/x must be a z.object(…), as z.object({ id: z.int() }), not a plain object.',
  ],
  ['no extractor', () => ofTable({ extract: undefined }), /^The table a\/x has no `extract`\. Give it a function, as async function\*/],
  ['a key without a list', () => ofTable({ primaryKey: 'id' }), /^`primaryKey` of the table a\/x must be a list of texts/],
  [
    'a part of a disposition',
    () => ofTable({ primaryKey: ['id'], write: { disposition: 'merge', newestBy: 5 } }),
    /^`newestBy` of the disposition merge of a\/x must be a text/,
  ],
  [
    'a store that there is not',
    () => ofSql({ store: { kind: 'vew' } }),
    "The store \"vew\" of a/x is none. Give it { kind: 'view' } or { kind: 'table', primaryKey: ['id'] }.",
  ],
  ['a table without a key', () => ofSql({ store: { kind: 'table' } }), "The store of a/x has no `primaryKey`. Give it a list of texts, as ['id']."],
  ['a key of nothing', () => ofSql({ store: { kind: 'table', primaryKey: [] } }), /a table without a primary key, which it is merged by/],
  [
    'no output',
    () => call('multiAsset', { name: 'a/m', io, run: () => ({}) }),
    /^The function of several assets a\/m has no `outputs`\. Give it an object of outputs/,
  ],
  [
    'an output without a type',
    () => call('multiAsset', { name: 'a/m', io, outputs: { x: { key: 'a/x' } }, run: () => ({ x: 1 }) }),
    'The output x of a/m has no `value`. Give it a zod schema, as z.object({ limit: z.int() }).',
  ],
  ['an op without a function', () => call('op', { name: 'o' }), /^The op o has no `run`/],
  [
    'inputs that are no object',
    () => millrace.graph({ name: 'g', compose: () => void (one as (handed: unknown) => unknown)(5) }),
    /^What the op one is handed must be an object, .* not 5\.$/,
  ],
  ['no graph', () => call('job', { name: 'j', graph: undefined }), 'The job j has no `graph`. Give it a graph or an op (or, in its place, `assets`).'],
  [
    'no cron expression',
    () => call('schedule', { name: 's', assets: '*' }),
    /^The schedule s has no `cron`\. Give it a text, or a list of texts, as '0 6 \* \* \*'\. Only the schedule of a job/,
  ],
  ['a cron expression of a number', () => call('schedule', { name: 's', cron: 5, assets: '*' }), /^`cron` of the schedule s must be a text, .* not 5\.$/],
  ['nothing to start', () => call('schedule', { name: 's', cron: '0 0 * * *' }), /^The schedule s has neither `job` nor `assets`\. Give it /],
  [
    'a configuration that is not JSON',
    () => call('schedule', { name: 's', cron: '0 0 * * *', assets: '*', config: { at: new Date() } }),
    /^`config` of the schedule s must be an object of JSON/,
  ],
  ['a sensor without a function', () => call('sensor', { name: 's' }), /^The sensor s has no `run`/],
  [
    'an end that there is not',
    () => call('runStatusSensor', { name: 's', on: ['done'], run: () => null }),
    /^`on\[0\]` of the sensor s must be 'succeeded', 'failed' or 'canceled', not the text "done"\.$/,
  ],
  ['a resource without a start', () => call('resource', {}), 'resource() has no `start`. Give it a function, as ({ env }) => ….'],
  [
    'an object of a class without a start',
    () => call('resource', new Date()),
    /^What resource\(\) is handed must be a resource, .* not an object of the class Date\.$/,
  ],
  [
    'a job among assets',
    () => millrace.defineLocation({ name: 'l', assets: [millrace.job({ name: 'j', graph: one })] as never }),
    /^`assets\[0\]` of the location l must be an asset, .* not the job j\.$/,
  ],
  ['a key alone', () => call('staticPartitions', 'eu'), 'What staticPartitions() is handed must be a list of texts, as [\'eu\'], not the text "eu".'],
  ['a name of a number', () => call('dynamicPartitions', 5), /^What dynamicPartitions\(\) is handed must be a text/],
  [
    'one dimension that is none',
    () => call('multiPartitions', { a: ['x'], b: ['y'] }),
    /^`a` of what multiPartitions\(\) is handed must be partitions of one dimension/,
  ],
  ['partitions without a start', () => call('dailyPartitions', {}), "dailyPartitions() has no `start`. Give it a text, as '2026-01-01'."],
  ['partitions of a key', () => call('partitionsOf', 'a/x'), /^What partitionsOf\(\) is handed must be an asset/],
  [
    'partitions mapped by a text',
    () => call('partitionsOf', made, 'last'),
    /^The mapping of partitionsOf\(a\/made\) must be what a function of `mapPartitions` answers/,
  ],
  ['a field of a number', () => call('unique', 5), /^What unique\(\) is handed must be a text, or a list of texts, as 'id', not 5\.$/],
  ['a reference to nothing', () => call('references', 'id', undefined, 'id'), /^What references\(\) is handed must be an asset, or its key/],
  ['a query that is none', () => call('customSql', 'c'), /^The query of the check c must be a text/],
  ['how old it may be', () => call('fresh', 'day'), 'The options of the check fresh("day") must be an object, not undefined.'],
  [
    'a part that was not called',
    () => whens['all']?.(millrace.eager),
    /^What when\.all\(\) is handed must be a condition, .* not a function\. Is it to be called\?$/,
  ],
  ['a condition of nothing', () => whens['not']?.(), /^What when\.not\(\) is handed must be a condition/],
  ['a key that is none', () => call('checkAssetKey'), "An asset key must be a text, as 'shop/orders', not undefined."],
  ['columns of text that are none', () => call('fromText', {}), /^The columns of fromText\(\) must be a z\.object/],
  ['a variable that is none', () => call('fromEnv'), /^What fromEnv\(\) is handed must be the name of a variable/],
  ['rows that are none', () => metadata['table']?.({ rows: {} }), /^`rows` of metadata\.table\(\) must be a list of rows/],
  ['an address that is none', () => metadata['url']?.(), /^What metadata\.url\(\) is handed must be an address/],
  ['text that is none', () => metadata['markdown']?.(5), /^This markdown cannot be metadata/],
  ['an int that is none', () => metadata['int']?.(null), /^This int cannot be metadata/],
  ['a time that is none', () => metadata['timestamp']?.(null), /^This timestamp cannot be metadata/],
  ['an asset that is none', () => metadata['asset']?.(), /^What metadata\.asset\(\) is handed must be an asset/],
  ['lineage that is none', () => metadata['columnLineage']?.({ total: 'a/x' }), /^`total` of what metadata\.columnLineage\(\) is handed must be a list/],
])('%s is told of, with what to write instead', ([, define, message]) => {
  expect(errorOf(define)).toMatchObject({ ...refused, message: typeof message === 'string' ? message : (expect.stringMatching(message) as unknown) })
})

test('a column that is called as what every object has is none that was given', () => {
  const columns = z.object({ id: z.string(), valueOf: z.string() })
  expect(errorOf(() => millrace.fromText(columns, { names: { id: 'Id' } } as never))).toBeUndefined()
})
