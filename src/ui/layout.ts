import { html } from './html.ts'
import type { Html } from './html.ts'

export interface PageOptions {
  readonly title: string
  readonly body: Html
  /** Whether the page follows changes; `open`: something on it is under way. */
  readonly live?: 'idle' | 'open'
  /** Loads itself again after so many seconds, without a script. */
  readonly reloadSeconds?: number
}

/** A whole document. Its script and style are files of ours: nothing inline, nothing from elsewhere. */
export function page({ title, body, live, reloadSeconds }: PageOptions): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        ${reloadSeconds === undefined ? null : html`<meta http-equiv="refresh" content="${reloadSeconds}" />`}
        <title>${title} · Millrace</title>
        <link rel="icon" type="image/svg+xml" href="/static/favicon.svg" />
        <link rel="stylesheet" href="/static/board.css" />
        <link rel="stylesheet" href="/static/tables.css" />
        ${live === undefined ? null : html`<script src="/static/board.js" type="module"></script>`}
      </head>
      <body>
        <a class="skip" href="#main">Skip to content</a>
        <header>
          <a class="brand" href="/"><img src="/static/favicon.svg" alt="" width="24" height="24" /> Millrace</a>
          <nav aria-label="Main">
            <a href="/">Overview</a> <a href="/backfills">Backfills</a> <a href="/notifications">Notifications</a> <a href="/queues/">Queues</a>
            <a href="/api/openapi.json">API</a>
          </nav>
        </header>
        <main id="main" tabindex="-1" ${live === undefined ? null : html` data-state="${live}"`}>${body}</main>
        <footer><p>Open to everybody who reaches this address: there is no sign-in.</p></footer>
      </body>
    </html> `.text
}

/** What is served while the database is not there yet. */
export function startingPage(what: string): string {
  return page({
    title: 'Starting',
    reloadSeconds: 1,
    body: html`<h1>Starting…</h1>
      <p role="status">${what}</p>`,
  })
}

/** An error as a page. */
export function problemPage(
  problem: { readonly title: string; readonly detail: string; readonly hint?: string | undefined; readonly code: string },
  reloadSeconds?: number,
): string {
  return page({
    title: problem.title,
    ...(reloadSeconds === undefined ? {} : { reloadSeconds }),
    body: html`<h1>${problem.title}</h1>
      <p>${problem.detail}</p>
      ${problem.hint === undefined ? null : html`<p>${problem.hint}</p>`}
      <p class="quiet"><code>${problem.code}</code></p>`,
  })
}
