import type { Backfill, BackfillDetail } from '../api/backfills.ts'
import { count, describeCounts, describeMade, duration, moment, status } from './format.ts'
import { html } from './html.ts'
import type { Html } from './html.ts'
import { page } from './layout.ts'
import { table } from './table.ts'

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
  const { counts, perRun } = backfill
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
    ${backfill.problem === null ? null : html`<p class="notice">${backfill.problem}</p>`} ${backfillActions(backfill)}`
}

/** What a person can do about a backfill. */
export function backfillActions({ id, status: stands, counts, endedAt }: Backfill): Html | null {
  if (stands === 'running') {
    return html`<form method="post" action="/backfills/${id}/cancel">
      <button class="danger" data-key="cancel ${id}">Cancel<span class="unseen"> the backfill ${id.slice(0, 8)}</span></button>
    </form>`
  }
  const lost = counts.failed + counts.skipped + counts.canceled
  if (endedAt === null || lost === 0) return null
  return html`<form method="post" action="/backfills/${id}/retry">
    <button data-key="retry ${id}">Make ${count(lost)} again<span class="unseen"> of the backfill ${id.slice(0, 8)}</span></button>
  </form>`
}

function units(backfill: BackfillDetail): Html {
  return table({
    caption: 'What one run makes together',
    columns: [backfill.job === null ? 'Assets' : 'Job', 'Partitions', 'How far'],
    rows: backfill.units.map((unit) => [describeMade(unit), unit.kind ?? 'none', describeCounts(unit.counts, 'succeeded')]),
  })
}

function failures({ failures: failed, counts }: BackfillDetail): Html | null {
  if (failed.length === 0) return null
  return html`<section aria-labelledby="failures-heading">
    <h2 id="failures-heading">What failed</h2>
    ${table({
      caption: 'The first partitions that failed',
      columns: ['Partition', failed.some(({ assets }) => assets.length > 0) ? 'Asset' : 'Step', 'Run', 'What happened'],
      rows: failed.map((one) => [
        one.partition ?? 'all of it',
        one.asset ?? one.assets.join(', '),
        one.runId === null ? '–' : html`<a href="/runs/${one.runId}" data-key="run ${one.runId}"><code>${one.runId.slice(0, 8)}</code></a>`,
        one.message ?? '–',
      ]),
    })}
    ${counts.failed > failed.length ? html`<p>${count(counts.failed - failed.length)} more failed.</p>` : null}
  </section>`
}
