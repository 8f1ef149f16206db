import type { RunPageView } from '../api/run-steps.ts'
import type { Step } from '../api/run-view.ts'
import type { RunEvent } from '../api/runs.ts'
import { failureView } from './failure.ts'
import { bytes, count, describePartitions, duration, moment, status } from './format.ts'
import { html } from './html.ts'
import type { Html } from './html.ts'
import { page } from './layout.ts'
import { metadataList } from './metadata/list.ts'
import { parameters } from './quarantine-page.ts'
import { manySteps } from './many-steps.ts'
import { stepStatistics } from './statistics.ts'
import { table } from './table.ts'
import type { Row } from './table.ts'

/** A run: its steps with what moved through each stage, its errors, its log. */
export function runPage(run: RunPageView, events: readonly RunEvent[], now: number): string {
  const open = run.endedAt === null
  return page({
    title: `Run ${run.id.slice(0, 8)}${run.job === null ? '' : ` of ${run.job}`}`,
    live: open ? 'open' : 'idle',
    body: html`<h1>Run <code>${run.id.slice(0, 8)}</code></h1>
      <div id="summary" data-live>${summary(run, now)}</div>
      <section aria-labelledby="steps-heading">
        <h2 id="steps-heading">Steps</h2>
        <div id="steps" data-live>${stepsOf(run, now)}</div>
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

function summary(run: RunPageView, now: number): Html {
  return html`<dl class="facts">
      <div>
        <dt>Status</dt>
        <dd>${status(run.status)}</dd>
      </div>
      ${
        run.job === null
          ? null
          : html`<div>
              <dt>Job</dt>
              <dd>${run.job}</dd>
            </div>`
      }
      ${
        run.partitions === null
          ? null
          : html`<div>
              <dt>Partitions</dt>
              <dd>${describePartitions(run.partitions)}</dd>
            </div>`
      }
      ${
        run.retriedBy === null
          ? null
          : html`<div>
              <dt>Tried again by</dt>
              <dd>
                <a href="/runs/${run.retriedBy}" data-key="retried-by"><code>${run.retriedBy.slice(0, 8)}</code></a>
              </dd>
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
    ${run.waitsFor === null ? null : html`<p class="notice">${run.waitsFor.message}</p>`} ${run.error === null ? null : failureView(run.error)}
    ${runActions(run)}`
}

/** What a person can do about a run. */
function runActions({ id, status: stands, endedAt, retriedBy }: RunPageView): Html | null {
  if (stands === 'started' || stands === 'queued') {
    return html`<form method="post" action="/runs/${id}/cancel"><button class="danger" data-key="cancel">Cancel this run</button></form>`
  }
  if (endedAt === null) return null
  return html`<div class="actions">
    ${stands === 'failed' && retriedBy === null ? html`<form method="post" action="/runs/${id}/retry"><button data-key="retry">Retry from what failed</button></form>` : null}
    <form method="post" action="/runs/${id}/relaunch"><button data-key="relaunch">Run all steps again</button></form>
  </div>`
}

function stepsOf(run: RunPageView, now: number): Html {
  const show = (steps: readonly Step[], caption: string): Html => stepTable(run, steps, caption, now)
  return run.groups.length === 0 ? show(run.steps, 'Steps of the run') : manySteps(run, show, now)
}

const columns = ['Asset', 'Status', 'Batches', { name: 'Rows', as: 'number' }, { name: 'Bytes', as: 'number' }, 'Duration'] as const

function stepTable(run: RunPageView, steps: readonly Step[], caption: string, now: number): Html {
  return table({ caption, columns, rows: steps.map((step) => stepRow(run.id, step, now)) })
}

function stepRow(run: string, step: Step, now: number): Row {
  return {
    cells: [
      html`${step.asset} <span class="quiet">${step.kind}</span>`,
      html`${status(step.status)}${step.attempt > 1 ? html` <span class="quiet">attempt ${step.attempt}</span>` : null}${
        step.waitsFor === null ? null : html`<p class="quiet">${step.waitsFor.message}</p>`
      }${step.skippedBecause === null ? null : html`<p class="quiet">${step.skippedBecause}</p>`}`,
      step.kind === 'table' ? stages(step) : '–',
      html`${count(step.rows)}${step.quarantined === 0 ? null : html`<p class="quiet"><a href="/quarantine?${parameters({ run, asset: step.asset })}">${count(step.quarantined)} in quarantine</a></p>`}`,
      step.kind === 'table' ? bytes(step.bytes) : '–',
      duration(step.startedAt, step.endedAt, now),
    ],
    below: [step.error === null ? null : failureView(step.error), stepStatistics(step), stepMetadata(step)],
  }
}

function stepMetadata({ id, asset, metadata }: Step): Html | null {
  if (Object.keys(metadata).length === 0) return null
  return html`<details id="metadata-${id}">
    <summary>Metadata<span class="unseen"> of ${asset}</span></summary>
    ${metadataList(metadata)}
  </details>`
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

function checks(run: RunPageView): Html | null {
  if (run.checks.length === 0) return null
  return html`<section aria-labelledby="checks-heading">
    <h2 id="checks-heading">Checks</h2>
    <ul class="plain">
      ${run.checks.map(checkItem)}
    </ul>
  </section>`
}

function checkItem(check: RunPageView['checks'][number]): Html {
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
