import type { QuarantinePage, QuarantineQuery } from '../api/quarantine.ts'
import { count, moment } from './format.ts'
import { html } from './html.ts'
import type { Html } from './html.ts'
import { page } from './layout.ts'
import { table } from './table.ts'
import type { Row } from './table.ts'

/** As much of a record as a person looks at; the download has it whole. */
const longestRecord = 2000

/** Records in quarantine: what is wrong with each, where it came, and the record. */
export function quarantinePageView({ query, records, size, next }: QuarantinePage): string {
  return page({
    title: 'Quarantine',
    body: html`<h1>Quarantine</h1>
      <p>${chosen(query)}: ${count(size)}. <a href="/api/v1/quarantine?${parameters({ ...query, after: '0' })}" download>Download as JSON lines</a></p>
      <p>
        ${(['kept', 'discarded', 'redriven'] as const).map((state) =>
          state === query.state ? html`<b>${state}</b> ` : html`<a href="/quarantine?${parameters({ ...query, state, after: '0' })}">${state}</a> `,
        )}
      </p>
      ${records.length === 0 ? html`<p>There are no such records in quarantine.</p>` : recordTable(records)}
      ${next === undefined ? null : html`<p><a href="/quarantine?${parameters({ ...query, after: next })}" rel="next">The next ones</a></p>`}
      <p class="quiet">
        Records are shown as they came, nothing is redacted. <code>millrace quarantine redrive</code> takes them through the mended code,
        <code>millrace quarantine discard</code> gives them up.
      </p>`,
  })
}

/** The address of what is chosen. */
export function parameters({ asset, location, run, state, after }: Partial<QuarantineQuery>): string {
  const given = { asset, location, run, state: state === 'kept' ? undefined : state, after: after === '0' ? undefined : after }
  const parts = new URLSearchParams()
  for (const [name, value] of Object.entries(given)) if (value !== undefined) parts.set(name, value)
  return parts.toString()
}

function chosen({ asset, location, run, state }: QuarantineQuery): Html {
  return html`Records
  ${state}${asset === undefined ? null : html` of <b>${asset}</b>`}${location === undefined ? null : html` in ${location}`}${
    run === undefined ? null : html`, found by the run <a href="/runs/${run}"><code>${run.slice(0, 8)}</code></a>`
  }`
}

function recordTable(records: QuarantinePage['records']): Html {
  return table({ caption: 'Records in quarantine', columns: ['Where', 'What is wrong', { name: 'Since', as: 'moment' }], rows: records.map(recordRow) })
}

function recordRow(one: QuarantinePage['records'][number]): Row {
  const { record } = one
  return {
    cells: [
      html`${one.place} <a class="quiet" href="/runs/${one.runId}">run ${one.runId.slice(0, 8)}</a>`,
      html`<ul class="plain">
        ${one.issues.map(
          (issue) =>
            html`<li><b>${issue.column}</b>: ${issue.message}${issue.value === '' ? null : html` <span class="quiet">it is ${issue.value}</span>`}</li>`,
        )}
      </ul>`,
      moment(one.at),
    ],
    below: [
      html`<details>
        <summary>Record<span class="unseen">: ${one.place}</span></summary>
        <pre>${record.slice(0, longestRecord).toWellFormed()}${record.length > longestRecord ? '…' : ''}</pre>
      </details>`,
    ],
  }
}
