import type { Entry, Outbox, OutboxQuery } from '../api/notifications.ts'
import { failureView } from './failure.ts'
import { count, moment, status } from './format.ts'
import { html } from './html.ts'
import type { Html } from './html.ts'
import { page } from './layout.ts'
import { nextLink, statusLinks } from './list-links.ts'
import { table } from './table.ts'
import type { Row } from './table.ts'

const path = '/notifications'
const statuses = ['waiting', 'working', 'done', 'failed'] as const satisfies readonly Entry['status'][]

/** The outbox, the newest first: what waits, what was sent, and what was given up with the reason. */
export function notificationsPage({ notifications, nextCursor }: Outbox, { status: only, kind, location, run }: OutboxQuery): string {
  const query = { status: only, kind, location, run }
  return page({
    title: 'Notifications',
    live: notifications.some((one) => one.endedAt === null) ? 'open' : 'idle',
    body: html`<h1>Notifications</h1>
      ${statusLinks(path, query, statuses)}
      <div id="notifications" data-live>${outboxTable(notifications)} ${nextLink(path, query, nextCursor)}</div>
      <p class="quiet">
        Notifications and calls of hooks. What was given up is tried again when somebody asks for it: here, or by <code>millrace notifications retry</code>.
      </p>`,
  })
}

function outboxTable(entries: readonly Entry[]): Html {
  if (entries.length === 0) return html`<p>There are none.</p>`
  return table({
    caption: 'Notifications and calls of hooks, the newest first',
    columns: ['What', 'Status', 'To', 'Caused by', { name: 'Tries', as: 'number' }, 'Created', 'Next or last', { name: 'Action', unseen: true }],
    rows: entries.map(outboxRow),
  })
}

function outboxRow(one: Entry): Row {
  return {
    cells: [
      html`${one.title === '' ? one.kind : one.title} <span class="quiet">${one.kind}</span>`,
      status(one.status),
      html`${one.target} <span class="quiet">${one.location}</span>`,
      one.runId === null ? one.causedBy : html`<a href="/runs/${one.runId}" data-key="run of ${one.id}">${one.causedBy}</a>`,
      count(one.attempt),
      moment(one.createdAt),
      one.status === 'waiting' ? html`next try ${moment(one.dueAt)}` : moment(one.endedAt),
      one.status !== 'failed'
        ? null
        : html`<form method="post" action="${path}/${one.id}/retry">
            <button data-key="retry ${one.id}">Send again<span class="unseen"> ${one.title}</span></button>
          </form>`,
    ],
    below: [one.error === null ? null : failureView(one.error)],
  }
}
