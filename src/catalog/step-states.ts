/**
 * Where a step is. A table asset goes waiting → preparing → extracting → loading → publishing → succeeded; a SQL asset waiting → computing → succeeded;
 * a function asset, an op and a function of several assets waiting → running → succeeded. Assets of the latter go waiting → succeeded, with its step.
 */
export const stepStatuses = [
  'waiting',
  'preparing',
  'extracting',
  'loading',
  'publishing',
  'computing',
  'running',
  'retrying',
  'succeeded',
  'failed',
  'canceled',
  'skipped',
  'superseded',
] as const
export type StepStatus = (typeof stepStatuses)[number]

export type StepEvent =
  | 'readyTable'
  | 'readySql'
  | 'readyFunction'
  | 'prepared'
  | 'sealed'
  | 'loaded'
  | 'done'
  | 'made'
  | 'restart'
  | 'retry'
  | 'fail'
  | 'resume'
  | 'cancel'
  | 'skip'
  | 'supersede'
  | 'reconcile'
  | 'revive'

/** Which event takes a step where; absent: the event means nothing there. `resume` and `revive` go back to a status that the row remembers. */
const stepMachine: Readonly<Record<StepStatus, Readonly<Partial<Record<StepEvent, StepStatus | 'remembered'>>>>> = {
  waiting: { readyTable: 'preparing', readySql: 'computing', readyFunction: 'running', made: 'succeeded', cancel: 'canceled', skip: 'skipped' },
  preparing: { prepared: 'extracting', retry: 'retrying', fail: 'failed', cancel: 'canceled' },
  extracting: { sealed: 'loading', restart: 'preparing', retry: 'retrying', fail: 'failed', cancel: 'canceled' },
  loading: { loaded: 'publishing', restart: 'preparing', retry: 'retrying', fail: 'failed', cancel: 'canceled' },
  publishing: { restart: 'preparing', done: 'succeeded', supersede: 'superseded', retry: 'retrying', fail: 'failed' },
  computing: { done: 'succeeded', retry: 'retrying', fail: 'failed' },
  running: { done: 'succeeded', retry: 'retrying', fail: 'failed' },
  retrying: { resume: 'remembered', cancel: 'canceled' },
  succeeded: {},
  failed: { revive: 'remembered', reconcile: 'succeeded' },
  canceled: { reconcile: 'succeeded', made: 'succeeded' },
  skipped: { revive: 'remembered' },
  superseded: {},
}

/** The statuses in which an event means something: what a compare-and-set compares with. */
export function statusesWith(event: StepEvent): StepStatus[] {
  return stepStatuses.filter((status) => stepMachine[status][event] !== undefined)
}

/** What a step is of. */
export const stepKinds = ['table', 'sql', 'function', 'op', 'multi'] as const
export type StepKind = (typeof stepKinds)[number]

/** Where a step begins once nothing is left to wait for. */
export const beginOf = { table: 'preparing', sql: 'computing', function: 'running', op: 'running', multi: 'running' } as const satisfies Record<
  StepKind,
  StepStatus
>

/** The same in SQL, of the kind that a column holds. */
export const beginSql = (column: string): string => `CASE ${column} ${stepKinds.map((kind) => `WHEN '${kind}' THEN '${beginOf[kind]}'`).join(' ')} END`

const inSql = (statuses: readonly StepStatus[]): string => `(${statuses.map((status) => `'${status}'`).join(', ')})`

/** In these a step is worked on by whoever claims it, as a list in SQL. */
export const claimedInSql = inSql(['preparing', 'extracting', 'publishing', 'computing', 'running'])

/** Of these, the ones that only their holder can end: it either commits or, told by its signal, gives up. */
export const endedByHolder = ['publishing', 'computing', 'running'] as const satisfies readonly StepStatus[]
export const endedByHolderInSql = inSql(endedByHolder)

/** Nothing happens to a step in these of its own accord. */
export const endedStatuses = ['succeeded', 'failed', 'canceled', 'skipped', 'superseded'] as const satisfies readonly StepStatus[]
export const endedInSql = inSql(endedStatuses)

/** Steps that hold the slots of their pool: those under way. While one waits for its next attempt, its slots are others'. In SQL, as the index has it. */
export const holdsSlotsSql = (row: string): string => `${row}.pool IS NOT NULL AND ${row}.status NOT IN ${inSql(['waiting', 'retrying', ...endedStatuses])}`

/** Runs that count against limits. */
export const openRunsInSql = `('started', 'canceling')`

export type RunStatus = 'queued' | 'started' | 'canceling' | 'succeeded' | 'failed' | 'canceled'
