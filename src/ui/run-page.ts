import type { RunDetail, Step } from '../api/run-view.ts'
import type { RunEvent } from '../api/runs.ts'
import { failureView } from './failure.ts'
import { bytes, count, describePartitions, duration, moment, status } from './format.ts'
import { html } from './html.ts'
import type { Html } from './html.ts'
import { page } from './layout.ts'
import { metadataList } from './metadata/list.ts'
import { parameters } from './quarantine-page.ts'
import { stepStatistics } from './statistics.ts'

/** A run: its steps with what moved through each stage, its errors, its log. */
export function runPage(run: RunDetail, events: readonly RunEvent[], now: number): string {
  const open = run.endedAt === null
  return page({
    title: `Run ${run.id.slice(0, 8)}`,
    live: open ? 'open' : 'idle',
    body: html`<h1>Run <code>${run.id.slice(0, 8)}</code></h1>
      <div id="summary" data-live>${summary(run, now)}</div>
      <section aria-labelledby="steps-heading">
        <h2 id="steps-heading">Steps</h2>
        <div id="steps" data-live>${stepTable(run, now)}</div>
      </section>
      <div id="checks" data-live>${checks(run)}</div>
      <section aria-labelledby="config-heading">
        <h2 id="config-heading">Configuration</h2>
        <pre>${JSON.stringify(run.config, null, 2)}</pre>
      </section>
      <section aria-labelledby="log-heading">
        <h2 id="log-heading">Log</h2>
        <div id="log" data-live>${log(events)}</div>
      </section>`,
  })
}

function summary(run: RunDetail, now: number): Html {
  return html`<dl class="facts">
      <div>
        <dt>Status</dt>
        <dd>${status(run.status)}</dd>
      </div>
      ${
        run.partitions === null
          ? null
          : html`<div>
              <dt>Partitions</dt>
              <dd>${describePartitions(run.partitions)}</dd>
            </div>`
      }
      ${
        run.backfillId === null
          ? null
          : html`<div>
              <dt>Backfill</dt>
              <dd>
                <a href="/backfills/${run.backfillId}" data-key="backfill"><code>${run.backfillId.slice(0, 8)}</code></a>
              </dd>
            </div>`
      }
      <div>
        <dt>Location</dt>
        <dd>${run.location} <span class="quiet">${run.version}</span></dd>
      </div>
      <div>
        <dt>Launched by</dt>
        <dd>${run.launchedBy}</dd>
      </div>
      <div>
        <dt>Launched</dt>
        <dd>${moment(run.createdAt)}</dd>
      </div>
      <div>
        <dt>Duration</dt>
        <dd>${duration(run.createdAt, run.endedAt, now)}</dd>
      </div>
      <div>
        <dt>Rows</dt>
        <dd>${count(run.progress.rows)}</dd>
      </div>
      ${Object.entries(run.tags).map(
        ([name, value]) =>
          html`<div>
            <dt>${name}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
    </dl>
    ${run.waitsFor === null ? null : html`<p class="notice">${run.waitsFor.message}</p>`}
    ${run.status === 'started' || run.status === 'queued' ? html`<form method="post" action="/runs/${run.id}/cancel"><button class="danger" data-key="cancel">Cancel this run</button></form>` : null}`
}

function stepTable(run: RunDetail, now: number): Html {
  return html`<table>
    <caption class="unseen">
      Steps of the run
    </caption>
    <thead>
      <tr>
        <th scope="col">Asset</th>
        <th scope="col">Status</th>
        <th scope="col">Batches</th>
        <th scope="col" class="number">Rows</th>
        <th scope="col" class="number">Bytes</th>
        <th scope="col">Duration</th>
      </tr>
    </thead>
    <tbody>
      ${run.steps.map((step) => stepRow(run.id, step, now))}
    </tbody>
  </table>`
}

function stepRow(run: string, step: Step, now: number): Html {
  return html`<tr>
      <th scope="row">${step.asset} <span class="quiet">${step.kind}</span></th>
      <td data-label="Status">
        ${status(step.status)}${step.attempt > 1 ? html` <span class="quiet">attempt ${step.attempt}</span>` : null}${
          step.waitsFor === null ? null : html`<p class="quiet">${step.waitsFor.message}</p>`
        }
      </td>
      <td data-label="Batches">${step.kind === 'table' ? stages(step) : '–'}</td>
      <td data-label="Rows" class="number">
        ${count(step.rows)}${step.quarantined === 0 ? null : html`<p class="quiet"><a href="/quarantine?${parameters({ run, asset: step.asset })}">${count(step.quarantined)} in quarantine</a></p>`}
      </td>
      <td data-label="Bytes" class="number">${step.kind === 'table' ? bytes(step.bytes) : '–'}</td>
      <td data-label="Duration">${duration(step.startedAt, step.endedAt, now)}</td>
    </tr>
    ${
      step.error === null
        ? null
        : html`<tr class="wide">
            <td colspan="6">${failureView(step.error)}</td>
          </tr>`
    }${stepStatistics(step)}${stepMetadata(step)}`
}

function stepMetadata({ id, asset, metadata }: Step): Html | null {
  if (Object.keys(metadata).length === 0) return null
  return html`<tr class="wide">
    <td colspan="6">
      <details id="metadata-${id}">
        <summary>Metadata<span class="unseen"> of ${asset}</span></summary>
        ${metadataList(metadata)}
      </details>
    </td>
  </tr>`
}

function stages({ batches, extracted, rows, startedAt, endedAt }: Step): Html {
  const seconds = startedAt === null ? 0 : (Date.parse(endedAt ?? new Date().toISOString()) - Date.parse(startedAt)) / 1000
  return html`<ol class="stages">
      <li>extracted <b>${count(batches.recorded)}</b>${extracted ? null : '…'}</li>
      <li>transformed <b>${count(batches.encoded)}</b></li>
      <li>loaded <b>${count(batches.loaded)}</b></li>
    </ol>
    ${rows > 0 && seconds > 0.05 ? html`<span class="quiet">${count(Math.round(rows / seconds))} rows/s</span>` : null}`
}

function checks(run: RunDetail): Html | null {
  if (run.checks.length === 0) return null
  return html`<section aria-labelledby="checks-heading">
    <h2 id="checks-heading">Checks</h2>
    <ul class="plain">
      ${run.checks.map(checkItem)}
    </ul>
  </section>`
}

function checkItem(check: RunDetail['checks'][number]): Html {
  return html`<li>
    ${status(check.state)} ${check.asset}: ${check.name}${check.blocking ? ' (blocking)' : ''} <span class="quiet">${check.message} ${moment(check.at)}</span>${
      Object.keys(check.metadata).length === 0
        ? null
        : html` <details id="check-${check.asset}-${check.name}">
            <summary>Found</summary>
            ${metadataList(check.metadata)}
          </details>`
    }
  </li>`
}

function log(events: readonly RunEvent[]): Html {
  if (events.length === 0) return html`<p>Nothing was logged yet.</p>`
  return html`<ol class="log">
    ${events.map(
      (event) =>
        html`<li class="${event.level}">
          ${moment(event.at)} <span class="level">${event.level}</span> ${event.asset === null ? null : html`<b>${event.asset}</b> `}${event.message}${
            Object.keys(event.data).length === 0
              ? null
              : html` <details id="event-${event.id}">
                  <summary>Data</summary>
                  <pre>${JSON.stringify(event.data, null, 2)}</pre>
                </details>`
          }
        </li>`,
    )}
  </ol>`
}
