/** How long an event is kept: `debug` and `log` are what code says and what a step goes through, `history` is what became of runs and assets. */
export const retentions = ['debug', 'log', 'history'] as const
export type Retention = (typeof retentions)[number]

/** Days that events of each retention are kept; 0: for ever. */
export type EventDays = Readonly<Record<Retention, number>>

/** What a step goes through on its way, of no interest once it is long past; the migration that sorted older events has the same list. */
const stepKinds = new Set(['log', 'attempt', 'retry', 'spool', 'destination', 'version', 'generation', 'job failed', 'stopped'])

/** How long an event is kept, by its kind and level. */
export function retentionOf(kind: string, level: string): Retention {
  if (level === 'debug') return 'debug'
  return stepKinds.has(kind) ? 'log' : 'history'
}
