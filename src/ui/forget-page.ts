import type { ForgetView } from '../api/locations.ts'
import { moment } from './format.ts'
import { html } from './html.ts'
import { page } from './layout.ts'

/** Asks whether a code location is to be forgotten, and says what that does. */
export function forgetPage({ name, lastSeenAt, worked, ends }: ForgetView): string {
  return page({
    title: `Forget ${name}`,
    body: html`<h1>Forget ${name}</h1>
      <p>A worker of it was last seen ${moment(lastSeenAt)}.</p>
      <p>
        Its schedules, sensors and automation stop, and its assets and jobs are listed no more.
        ${ends === '' ? 'Nothing of it is under way.' : html`What has not ended is canceled: <strong>${ends}</strong>.`}
      </p>
      <p>Its runs and their logs stay, and so does whatever it has loaded. A worker that starts with it brings it back.</p>
      ${
        worked
          ? html`<p class="notice">A worker of it is alive: only a location without workers can be forgotten.</p>`
          : html`<form method="post" action="${forgetPath(name)}"><button class="danger" data-key="forget">Forget ${name}</button></form>`
      }`,
  })
}

export const forgetPath = (name: string): string => `/locations/${encodeURIComponent(name)}/forget`
