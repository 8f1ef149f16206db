import { moment as plainMoment } from '../definitions/moment.ts'
import { html } from './html.ts'
import type { Html } from './html.ts'

const whole = new Intl.NumberFormat('en')

export function count(value: number): string {
  return whole.format(value)
}

/** `12.4 MiB` */
export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let rest = value
  let unit = 0
  while (rest >= 1024 && unit < units.length - 1) {
    rest /= 1024
    unit += 1
  }
  return `${unit === 0 ? String(rest) : rest.toFixed(1)} ${units[unit] ?? ''}`
}

/** How long something took, or takes so far: `820 ms`, `4.2 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(from: string | null, to: string | null, now: number): string {
  if (from === null) return ''
  const ms = Math.max(0, (to === null ? now : Date.parse(to)) - Date.parse(from))
  if (ms < 1000) return `${String(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.floor(ms / 1000)
  if (seconds < 3600) return `${String(Math.floor(seconds / 60))} min ${String(seconds % 60)} s`
  return `${String(Math.floor(seconds / 3600))} h ${String(Math.floor((seconds % 3600) / 60))} min`
}

/** `2026-01-01`, or `31, from 2026-01-01 to 2026-01-31`. */
export function describePartitions(keys: readonly string[]): string {
  return keys.length === 1 ? (keys[0] ?? '') : `${count(keys.length)}, from ${keys[0] ?? ''} to ${keys.at(-1) ?? ''}`
}

/** `31 of 90 · 1 failed · 20 running`: those of the status that is the aim, of all; then what else is worth a word. */
export function describeCounts(counts: Readonly<Record<string, number>>, done: string): string {
  const all = Object.values(counts).reduce((sum, one) => sum + one, 0)
  const others = ['failed', 'running', 'skipped', 'canceled'].filter((name) => (counts[name] ?? 0) > 0)
  return [`${count(counts[done] ?? 0)} of ${count(all)}`, ...others.map((name) => `${count(counts[name] ?? 0)} ${name}`)].join(' · ')
}

/** What a backfill makes: the job that it runs, or its assets, at most so many of them in full. */
export function describeMade({ assets, job }: { readonly assets: readonly string[]; readonly job: string | null }, most = Infinity): string {
  return job === null ? describeAssets(assets, most) : `job ${job}`
}

/** Keys of assets, at most so many of them in full. */
export function describeAssets(assets: readonly string[], most: number): string {
  return assets.length <= most ? assets.join(', ') : `${assets.slice(0, most - 1).join(', ')} and ${count(assets.length - most + 1)} more`
}

/** A moment; the browser turns it into its own time zone. */
export function moment(iso: string | null): Html {
  return iso === null ? html`–` : html`<time datetime="${iso}">${plainMoment(iso)}</time>`
}

const marks: Readonly<Record<string, string>> = {
  succeeded: 'good',
  done: 'good',
  materialized: 'good',
  missing: 'quiet',
  passed: 'good',
  failed: 'bad',
  canceled: 'quiet',
  canceling: 'warn',
  skipped: 'quiet',
  superseded: 'quiet',
  warned: 'warn',
  fresh: 'good',
  warning: 'warn',
  overdue: 'bad',
  unknown: 'quiet',
  'never run': 'quiet',
  waiting: 'quiet',
  queued: 'quiet',
  retrying: 'warn',
}

/** A status in words, with a colour beside it and never instead. */
export function status(value: string): Html {
  return html`<span class="status ${marks[value] ?? 'busy'}">${value}</span>`
}
