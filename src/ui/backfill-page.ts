import type { BackfillDetail } from '../api/backfills.ts'
import { count, describeCounts, duration, moment, status } from './format.ts'
import { html } from './html.ts'
import type { Html } from './html.ts'
import { page } from './layout.ts'

/** A backfill: how far it is, by what is made together, and what failed. */
export function backfillPage(backfill: BackfillDetail, now: number): string {
  return page({
    title: `Backfill ${backfill.id.slice(0, 8)}`,
    live: backfill.endedAt === null ? 'open' : 'idle',
    body: html`<h1>Backfill <code>${backfill.id.slice(0, 8)}</code></h1>
      <div id="summary" data-live>${summary(backfill, now)}</div>
      <section aria-labelledby="units-heading">
        <h2 id="units-heading">What it makes</h2>
        <div id="units" data-live>${units(backfill)}</div>
      </section>
      <div id="failures" data-live>${failures(backfill)}</div>`,
  })
}

function summary(backfill: BackfillDetail, now: number): Html {
  const { id, counts, perRun } = backfill
  const lost = counts.failed + counts.skipped + counts.canceled
  const facts: readonly (readonly [string, Html | string])[] = [
    ['Status', status(backfill.status)],
    ['Partitions', describeCounts(counts, 'succeeded')],
    ['Location', backfill.location],
    ['Launched by', backfill.launchedBy],
    ['Started', moment(backfill.createdAt)],
    ['Duration', duration(backfill.createdAt, backfill.endedAt, now)],
    [
      'Runs',
      `${perRun === 'all' ? 'as many partitions as follow each other' : `${count(perRun)} ${perRun === 1 ? 'partition' : 'partitions'} each`}, ${count(backfill.runsAtOnce)} at once`,
    ],
    ...Object.entries(backfill.tags),
  ]
  return html`<dl class="facts">
      ${facts.map(
        ([name, value]) =>
          html`<div>
            <dt>${name}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
    </dl>
    ${backfill.problem === null ? null : html`<p class="notice">${backfill.problem}</p>`}
    ${backfill.status === 'running' ? html`<form method="post" action="/backfills/${id}/cancel"><button class="danger" data-key="cancel">Cancel this backfill</button></form>` : null}
    ${backfill.endedAt === null || lost === 0 ? null : html`<form method="post" action="/backfills/${id}/retry"><button data-key="retry">Make ${count(lost)} again</button></form>`}`
}

function units(backfill: BackfillDetail): Html {
  return html`<table>
    <caption class="unseen">
      What one run makes together
    </caption>
    <thead>
      <tr>
        <th scope="col">Assets</th>
        <th scope="col">Partitions</th>
        <th scope="col">How far</th>
      </tr>
    </thead>
    <tbody>
      ${backfill.units.map(
        (unit) =>
          html`<tr>
            <th scope="row">${unit.assets.join(', ')}</th>
            <td data-label="Partitions">${unit.kind ?? 'none'}</td>
            <td data-label="How far">${describeCounts(unit.counts, 'succeeded')}</td>
          </tr>`,
      )}
    </tbody>
  </table>`
}

function failures({ failures: failed, counts }: BackfillDetail): Html | null {
  if (failed.length === 0) return null
  return html`<section aria-labelledby="failures-heading">
    <h2 id="failures-heading">What failed</h2>
    <table>
      <caption class="unseen">
        The first partitions that failed
      </caption>
      <thead>
        <tr>
          <th scope="col">Partition</th>
          <th scope="col">Asset</th>
          <th scope="col">Run</th>
          <th scope="col">What happened</th>
        </tr>
      </thead>
      <tbody>
        ${failed.map(
          (one) =>
            html`<tr>
              <th scope="row">${one.partition ?? 'all of it'}</th>
              <td data-label="Asset">${one.asset ?? one.assets.join(', ')}</td>
              <td data-label="Run">
                ${one.runId === null ? '–' : html`<a href="/runs/${one.runId}" data-key="run ${one.runId}"><code>${one.runId.slice(0, 8)}</code></a>`}
              </td>
              <td data-label="What happened">${one.message ?? '–'}</td>
            </tr>`,
        )}
      </tbody>
    </table>
    ${counts.failed > failed.length ? html`<p>${count(counts.failed - failed.length)} more failed.</p>` : null}
  </section>`
}
