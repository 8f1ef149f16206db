import type { Backfill, BackfillPage, BackfillQuery } from '../api/backfills.ts'
import { backfillActions } from './backfill-page.ts'
import { count, describeCounts, describeMade, duration, moment, status } from './format.ts'
import { html } from './html.ts'
import type { Html, HtmlValue } from './html.ts'
import { page } from './layout.ts'
import { nextLink, statusLinks } from './list-links.ts'
import { table } from './table.ts'

const path = '/backfills'
const statuses = ['running', 'canceling', 'succeeded', 'failed', 'canceled'] as const satisfies readonly Backfill['status'][]

/** Backfills, the newest first: how far each is, who asked for it, and what can be done about it. */
export function backfillsPage({ backfills, nextCursor }: BackfillPage, { status: only, asset, location }: BackfillQuery, now: number): string {
  const query = { status: only, asset, location }
  return page({
    title: 'Backfills',
    live: backfills.some((one) => one.endedAt === null) ? 'open' : 'idle',
    body: html`<h1>Backfills</h1>
      ${statusLinks(path, query, statuses)}
      <div id="backfills" data-live>${backfillTable(backfills, now)} ${nextLink(path, query, nextCursor)}</div>
      <p class="quiet"><code>millrace backfill</code> starts one.</p>`,
  })
}

function backfillTable(backfills: readonly Backfill[], now: number): Html {
  if (backfills.length === 0) return html`<p>There are no such backfills.</p>`
  return table({
    caption: 'Backfills, the newest first',
    columns: ['Backfill', 'Status', 'Partitions', 'Unit', 'Assets', 'Launched by', 'Started', 'Duration', { name: 'Action', unseen: true }],
    rows: backfills.map((one) => backfillRow(one, now)),
  })
}

function backfillRow(one: Backfill, now: number): readonly HtmlValue[] {
  const { unit, units } = one.progress
  return [
    html`<a href="${path}/${one.id}" data-key="backfill ${one.id}"><code>${one.id.slice(0, 8)}</code></a> <span class="quiet">${one.location}</span>`,
    html`${status(one.status)}${one.problem === null ? null : html`<p class="quiet">${one.problem}</p>`}`,
    describeCounts(one.counts, 'succeeded'),
    unit === null ? `${count(units)} of ${count(units)}` : `${count(unit)} of ${count(units)}`,
    describeMade(one, 3),
    one.launchedBy,
    moment(one.createdAt),
    duration(one.createdAt, one.endedAt, now),
    backfillActions(one),
  ]
}
