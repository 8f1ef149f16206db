import type { Step } from '../api/run-view.ts'
import { bytes, count } from './format.ts'
import { html } from './html.ts'
import type { Html } from './html.ts'
import { table } from './table.ts'

/** What a step's stages did, and what is known of the values that it wrote; nothing where there is nothing to say. */
export function stepStatistics({ id, asset, stages, columns }: Step): Html | null {
  const worked = stages.filter((one) => one.batches > 0)
  if (worked.length === 0 && columns.length === 0) return null
  return html`<details id="statistics-${id}">
    <summary>Statistics<span class="unseen"> of ${asset}</span></summary>
    ${worked.length === 0 ? null : stageTable(asset, worked)} ${columns.length === 0 ? null : columnTable(asset, columns)}
  </details>`
}

function stageTable(asset: string, stages: Step['stages']): Html {
  return table({
    caption: html`Stages<span class="unseen"> of ${asset}</span>`,
    inner: true,
    columns: ['Stage', ...['Batches', 'Rows', 'Bytes', 'Worked', 'Rows/s'].map((name) => ({ name, as: 'number' as const }))],
    rows: stages.map((one) => [
      one.stage,
      count(one.batches),
      count(one.rows),
      bytes(one.bytes),
      time(one.seconds),
      one.rowsPerSecond === null ? '–' : count(one.rowsPerSecond),
    ]),
  })
}

type Column = Step['columns'][number]

function columnTable(asset: string, columns: readonly Column[]): Html {
  return table({
    caption: html`Columns<span class="unseen"> of ${asset}</span>`,
    inner: true,
    columns: [
      'Column',
      { name: 'NULL', as: 'number' },
      { name: 'Distinct, about', as: 'number' },
      { name: 'Least', as: 'extreme' },
      { name: 'Greatest', as: 'extreme' },
    ],
    rows: columns.map((one) => [one.column, share(one), one.distinct === undefined ? '–' : count(one.distinct), extreme(one, 'min'), extreme(one, 'max')]),
  })
}

/** `0.04 s`, `1,234 s`: times of several workers, added up. */
function time(seconds: number): string {
  return `${seconds < 10 ? seconds.toFixed(2) : count(Math.round(seconds))}\u00A0s`
}

/** `12.5 %`. A few of many are not none, and all but a few are not all. */
function share({ nulls, nullShare, distinct = 0 }: Column): string {
  if (nulls === 0) return '0\u00A0%'
  if (nullShare < 0.0005) return '<\u00A00.1\u00A0%'
  if (nullShare >= 0.9995 && (nullShare < 1 || distinct > 0)) return '>\u00A099.9\u00A0%'
  return `${String(Math.round(nullShare * 1000) / 10)}\u00A0%`
}

/** Text without a character would be nothing to see. */
function extreme(column: Column, which: 'min' | 'max'): Html | string {
  const value = column[which]
  if (value === undefined) return '–'
  return value === '' ? html`<span class="quiet">empty text</span>` : html`<code>${String(value)}${column.cut?.includes(which) === true ? '…' : ''}</code>`
}

/** A column's statistics in a phrase. */
export function columnPhrase(one: Column): Html {
  return html` <span class="quiet known"
    >${share(one)}
    NULL${one.distinct === undefined ? null : html`, about ${count(one.distinct)} distinct`}${
      one.min === undefined || one.max === undefined ? null : html`, from ${extreme(one, 'min')} to ${extreme(one, 'max')}`
    }</span
  >`
}
