import type { Step } from '../api/run-view.ts'
import { bytes, count } from './format.ts'
import { html } from './html.ts'
import type { Html } from './html.ts'

/** What a step's stages did, and what is known of the values that it wrote; nothing where there is nothing to say. */
export function stepStatistics({ id, asset, stages, columns }: Step): Html | null {
  const worked = stages.filter((one) => one.batches > 0)
  if (worked.length === 0 && columns.length === 0) return null
  return html`<tr class="wide">
    <td colspan="6">
      <details id="statistics-${id}">
        <summary>Statistics<span class="unseen"> of ${asset}</span></summary>
        ${worked.length === 0 ? null : stageTable(asset, worked)} ${columns.length === 0 ? null : columnTable(asset, columns)}
      </details>
    </td>
  </tr>`
}

function stageTable(asset: string, stages: Step['stages']): Html {
  return html`<table class="inner">
    <caption>
      Stages<span class="unseen"> of ${asset}</span>
    </caption>
    <thead>
      <tr>
        <th scope="col">Stage</th>
        <th scope="col" class="number">Batches</th>
        <th scope="col" class="number">Rows</th>
        <th scope="col" class="number">Bytes</th>
        <th scope="col" class="number">Worked</th>
        <th scope="col" class="number">Rows/s</th>
      </tr>
    </thead>
    <tbody>
      ${stages.map(
        (one) =>
          html`<tr>
            <th scope="row">${one.stage}</th>
            <td data-label="Batches" class="number">${count(one.batches)}</td>
            <td data-label="Rows" class="number">${count(one.rows)}</td>
            <td data-label="Bytes" class="number">${bytes(one.bytes)}</td>
            <td data-label="Worked" class="number">${time(one.seconds)}</td>
            <td data-label="Rows/s" class="number">${one.rowsPerSecond === null ? '–' : count(one.rowsPerSecond)}</td>
          </tr>`,
      )}
    </tbody>
  </table>`
}

type Column = Step['columns'][number]

function columnTable(asset: string, columns: readonly Column[]): Html {
  return html`<table class="inner">
    <caption>
      Columns<span class="unseen"> of ${asset}</span>
    </caption>
    <thead>
      <tr>
        <th scope="col">Column</th>
        <th scope="col" class="number">NULL</th>
        <th scope="col" class="number">Distinct, about</th>
        <th scope="col">Least</th>
        <th scope="col">Greatest</th>
      </tr>
    </thead>
    <tbody>
      ${columns.map(
        (one) =>
          html`<tr>
            <th scope="row">${one.column}</th>
            <td data-label="NULL" class="number">${share(one)}</td>
            <td data-label="Distinct, about" class="number">${one.distinct === undefined ? '–' : count(one.distinct)}</td>
            <td data-label="Least" class="extreme">${extreme(one, 'min')}</td>
            <td data-label="Greatest" class="extreme">${extreme(one, 'max')}</td>
          </tr>`,
      )}
    </tbody>
  </table>`
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
