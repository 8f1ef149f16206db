import * as z from 'zod'
import * as millrace from '../../src/index.ts'
import type { ResourceDefinition } from '../../src/index.ts'
import { jsonFiles } from '../../src/io/json-files.ts'

const io = jsonFiles({ folder: 'values' })
export const Row = z.object({ id: z.int(), day: z.iso.date() })
const made = millrace.asset({ key: 'a/made', io, run: () => 1 })
export const one = millrace.op({ name: 'one', output: z.int(), run: () => 1 })
const list = millrace.op({ name: 'list', output: z.array(z.int()), run: () => [1] })
const wired = millrace.graph({ name: 'wired', compose: () => one() })
const slack: ResourceDefinition<millrace.Notifier> = { start: () => ({ send: () => Promise.resolve() }) }
const within = { name: 'w', compose: () => undefined }

/**
 * By the names under which they are exported; what is behind a comma is a part of their options. Each makes something that can be, with more options, which no type
 * knows, as JavaScript and `as any` hand them in; a misspelt name, the one that is meant (none where nobody could tell), and whose options the error says they are.
 */
export const definers: Readonly<Record<string, readonly [make: (more: object) => unknown, wrong: string, right: string, whose: string]>> = {
  asset: [(more) => millrace.asset({ key: 'a/x', io, run: () => 1, ...more }), 'dep', 'deps', 'The asset a/x'],
  'asset, retry': [(more) => millrace.asset({ key: 'a/x', io, run: () => 1, retry: { ...more } }), 'delay', 'delayMs', 'The retry of a/x'],
  'asset, freshness': [
    (more) => millrace.asset({ key: 'a/x', io, run: () => 1, freshness: { within: '1 day', ...more } }),
    'warn',
    'warnAfter',
    'The freshness of a/x',
  ],
  'asset, dependency': [
    (more) => millrace.asset({ key: 'a/x', io, run: () => 1, deps: [{ asset: 'a/y', partitions: millrace.mapPartitions.all(), ...more }] }),
    'partition',
    'partitions',
    'The dependency on a/y',
  ],
  'asset, checks': [
    (more) => millrace.asset({ key: 'a/x', io, run: () => 1, checks: [{ name: 'c', run: () => ({ passed: true }), ...more }] }),
    'blokcing',
    'blocking',
    'The check c',
  ],
  multiAsset: [
    (more) => millrace.multiAsset({ name: 'a/m', io, outputs: { x: { key: 'a/x', value: z.int() } }, run: () => ({ x: 1 }), ...more }),
    'output',
    'outputs',
    'The function of several assets a/m',
  ],
  'multiAsset, outputs': [
    (more) => millrace.multiAsset({ name: 'a/m', io, outputs: { x: { key: 'a/x', value: z.int(), ...more } }, run: () => ({ x: 1 }) }),
    'grup',
    'group',
    'The output x of a/m',
  ],
  graphAsset: [(more) => millrace.graphAsset({ key: 'a/x', io, graph: wired, ...more }), 'code_version', 'codeVersion', 'The asset a/x'],
  externalAsset: [(more) => millrace.externalAsset({ key: 'a/x', ...more }), 'Owners', 'owners', 'The external asset a/x'],
  table: [(more) => millrace.table({ key: 'a/x', columns: Row, extract: () => [], ...more }), 'schema', 'schemaContract', 'The table a/x'],
  'table, write': [
    (more) => millrace.table({ key: 'a/x', columns: Row, extract: () => [], primaryKey: ['id'], write: { disposition: 'merge', ...more } }),
    'deleteBy',
    'deletedBy',
    'The disposition merge of a/x',
  ],
  'table, cursor': [
    (more) => millrace.table({ key: 'a/x', columns: Row, extract: () => [], cursor: { field: 'day', ...more } }),
    'lagMs',
    'lag',
    'The cursor of a/x',
  ],
  'table, quarantine': [
    (more) => millrace.table({ key: 'a/x', columns: Row, extract: () => [], quarantine: { ...more } }),
    'atmost',
    'atMost',
    'The quarantine of a/x',
  ],
  sqlAsset: [(more) => millrace.sqlAsset({ key: 'a/x', select: 'SELECT 1', store: { kind: 'view' }, ...more }), 'timeout', 'timeoutMs', 'The SQL asset a/x'],
  'sqlAsset, store': [
    (more) => millrace.sqlAsset({ key: 'a/x', select: 'SELECT 1', store: { kind: 'table', primaryKey: ['id'], ...more } }),
    'index',
    'indexes',
    'The store of a/x',
  ],
  op: [(more) => millrace.op({ name: 'o', run: () => undefined, ...more }), 'resource', 'resources', 'The op o'],
  'op, call': [
    (more) =>
      millrace.graph({
        ...within,
        compose: () => {
          one({}, { ...more })
        },
      }),
    'afterr',
    'after',
    'The call of the op one',
  ],
  graph: [(more) => millrace.graph({ ...within, ...more }), 'descripton', 'description', 'The graph w'],
  mapOver: [
    (more) =>
      millrace.graph({
        ...within,
        compose: () => {
          millrace.mapOver(list(), () => one(), { ...more })
        },
      }),
    'keys',
    'key',
    'mapOver()',
  ],
  job: [(more) => millrace.job({ name: 'j', graph: wired, ...more }), 'onFail', 'onFailure', 'The job j'],
  'job, assets': [(more) => millrace.job({ name: 'j', assets: '*', ...more }), 'tag', 'tags', 'The job j'],
  schedule: [(more) => millrace.schedule({ name: 's', cron: '0 0 * * *', assets: '*', ...more }), 'timezone', 'timeZone', 'The schedule s'],
  sensor: [(more) => millrace.sensor({ name: 's', run: () => undefined, ...more }), 'every', 'everyMs', 'The sensor s'],
  assetSensor: [(more) => millrace.assetSensor({ name: 's', watch: '*', run: () => undefined, ...more }), 'watchedLocation', 'watchLocation', 'The sensor s'],
  runStatusSensor: [(more) => millrace.runStatusSensor({ name: 's', on: 'failed', run: () => undefined, ...more }), 'job', 'jobs', 'The sensor s'],
  hook: [(more) => millrace.hook({ name: 'h', run: () => undefined, ...more }), 'retrys', 'retry', 'The hook h'],
  notify: [(more) => millrace.notify({ slack }, { ...more }), 'mesage', 'message', 'notify()'],
  resource: [(more) => millrace.resource({ start: () => 1, ...more }), 'stopp', 'stop', 'resource()'],
  destination: [(more) => millrace.destination({ name: 'd', url: millrace.fromEnv('D_URL'), ...more }), 'cafile', 'caFile', 'The destination d'],
  defineLocation: [(more) => millrace.defineLocation({ name: 'l', ...more }), 'asset', 'assets', 'The location l'],
  'defineLocation, demo': [
    (more) =>
      millrace.defineLocation({
        name: 'l',
        demo: { when: () => false, start: () => Promise.resolve({ env: {}, notice: '', stop: () => Promise.resolve() }), ...more },
      }),
    'wen',
    'when',
    'The demo of the location l',
  ],
  hourlyPartitions: [(more) => millrace.hourlyPartitions({ start: '2026-01-01', ...more }), 'minuteOfset', 'minuteOffset', 'hourlyPartitions()'],
  dailyPartitions: [(more) => millrace.dailyPartitions({ start: '2026-01-01', ...more }), 'timezone', 'timeZone', 'dailyPartitions()'],
  weeklyPartitions: [(more) => millrace.weeklyPartitions({ start: '2026-01-01', ...more }), 'dayOfset', 'dayOffset', 'weeklyPartitions()'],
  monthlyPartitions: [(more) => millrace.monthlyPartitions({ start: '2026-01-01', ...more }), 'endOfset', 'endOffset', 'monthlyPartitions()'],
  cronPartitions: [(more) => millrace.cronPartitions({ start: '2026-01-01', cron: '0 0 * * *', ...more }), 'ends', 'end', 'cronPartitions()'],
  'mapPartitions, window': [(more) => millrace.mapPartitions.window({ ...more }), 'begin', '', 'mapPartitions.window()'],
  check: [(more) => millrace.check({ name: 'c', ...more }), 'Severity', 'severity', 'The check c'],
  notEmpty: [(more) => millrace.notEmpty({ ...more }), 'severty', 'severity', 'The check not_empty'],
  unique: [(more) => millrace.unique('id', { ...more }), 'nam', 'name', 'The check unique_id'],
  notNull: [(more) => millrace.notNull('id', { ...more }), 'desc', 'description', 'The check not_null_id'],
  rowCountBetween: [(more) => millrace.rowCountBetween(1, 2, { ...more }), 'block', 'blocking', 'The check row_count'],
  inRange: [(more) => millrace.inRange('id', 1, 2, { ...more }), 'blockng', 'blocking', 'The check in_range_id'],
  references: [(more) => millrace.references('id', made, 'id', { ...more }), 'Blocking', 'blocking', 'The check references_id'],
  fresh: [(more) => millrace.fresh('day', { maxAgeMs: 1, ...more }), 'maxAge', 'maxAgeMs', 'The check fresh("day")'],
  schemaUnchanged: [(more) => millrace.schemaUnchanged({ ...more }), 'of', '', 'The check schema_unchanged'],
  customSql: [(more) => millrace.customSql('c', 'SELECT 1 FROM {{table}}', { ...more }), 'timeout', 'timeoutMs', 'The check c'],
  eager: [(more) => millrace.eager({ ...more }), 'lookback', 'lookbackMs', 'eager()'],
  onCron: [(more) => millrace.onCron('0 0 * * *', { ...more }), 'timezone', 'timeZone', 'onCron("0 0 * * *")'],
  onMissing: [(more) => millrace.onMissing({ ...more }), 'ignored', 'ignore', 'onMissing()'],
  'when, anyDepsMatch': [(more) => millrace.when.anyDepsMatch(millrace.when.missing(), { ...more }), 'onlyy', 'only', 'A condition of any dependency'],
  'when, allDepsMatch': [(more) => millrace.when.allDepsMatch(millrace.when.missing(), { ...more }), 'igore', 'ignore', 'A condition of all dependencies'],
  'when, anyDepsUpdated': [(more) => millrace.when.anyDepsUpdated({ ...more }), 'igore', 'ignore', 'A condition of any dependency'],
  'when, anyDepsMissing': [(more) => millrace.when.anyDepsMissing({ ...more }), 'igore', 'ignore', 'A condition of any dependency'],
  'when, anyDepsInProgress': [(more) => millrace.when.anyDepsInProgress({ ...more }), 'igore', 'ignore', 'A condition of any dependency'],
  'when, inLatestTimeWindow': [(more) => millrace.when.inLatestTimeWindow({ ...more }), 'lookback', 'lookbackMs', 'A condition of the latest window'],
  'when, cronTickPassed': [(more) => millrace.when.cronTickPassed('0 0 * * *', { ...more }), 'zone', 'timeZone', 'A condition of "0 0 * * *"'],
  'when, allDepsUpdatedSinceCron': [
    (more) => millrace.when.allDepsUpdatedSinceCron('0 0 * * *', { ...more }),
    'timezone',
    'timeZone',
    'A condition of "0 0 * * *"',
  ],
  fromText: [(more) => millrace.fromText(Row, { ...more }), 'null', 'nulls', 'fromText()'],
  'fromText, names': [(more) => millrace.fromText(Row, { names: { ...more } }), 'days', 'day', 'The names of fromText()'],
  fromNames: [(more) => millrace.fromNames(Row, { ...more }), 'Day', 'day', 'fromNames()'],
  output: [(more) => millrace.output(1, { ...more }), 'metdata', 'metadata', 'output()'],
  'metadata, table': [(more) => millrace.metadata.table({ rows: [], ...more }), 'column', 'columns', 'metadata.table()'],
  'metadata, tableSchema': [(more) => millrace.metadata.tableSchema({ columns: [], ...more }), 'column', 'columns', 'metadata.tableSchema()'],
}
