/** `ok`; `warning`: works, but look at it; `fault`: something does not work. */
export type Level = 'ok' | 'warning' | 'fault'

/** What one check of the doctor found. */
export interface Finding {
  /** What was looked at: `database`, `queues`. */
  readonly check: string
  readonly level: Level
  readonly message: string
  /** How to mend it; only where something is to be mended. */
  readonly fix?: string
}

export const ok = (check: string, message: string): Finding => ({ check, level: 'ok', message })
export const warning = (check: string, message: string, fix: string): Finding => ({ check, level: 'warning', message, fix })
export const fault = (check: string, message: string, fix: string): Finding => ({ check, level: 'fault', message, fix })
