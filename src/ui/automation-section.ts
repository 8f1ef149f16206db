import type { Overview } from '../api/overview.ts'
import { failureView } from './failure.ts'
import { count, moment } from './format.ts'
import { html } from './html.ts'
import type { Html } from './html.ts'

/** What automation conditions do; nothing where no asset has one. */
export function automationSection({ automation, requests }: Pick<Overview, 'automation' | 'requests'>): Html | null {
  if (automation.length === 0) return null
  return html`<section aria-labelledby="automation-heading">
    <h2 id="automation-heading">Automation</h2>
    <div id="automation" data-live>
      ${automation.flatMap(({ location, error }) => (error === null ? [] : [html`<p>The conditions of <strong>${location}</strong> cannot be evaluated.</p>`, failureView(error)]))}
      <table>
        <caption class="unseen">
          Code locations whose assets have conditions
        </caption>
        <thead>
          <tr>
            <th scope="col">Location</th>
            <th scope="col">Assets</th>
            <th scope="col">Evaluated</th>
            <th scope="col">Next</th>
          </tr>
        </thead>
        <tbody>
          ${automation.map(
            (one) =>
              html`<tr>
                <th scope="row">${one.location}</th>
                <td data-label="Assets" class="number">${count(one.assets.length)}</td>
                <td data-label="Evaluated">${one.evaluatedAt === null ? 'not yet' : moment(one.evaluatedAt)}</td>
                <td data-label="Next">${one.stopped ? 'stopped' : one.nextAt === null ? 'when something happens' : moment(one.nextAt)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
      ${requestTable(requests)}
    </div>
  </section>`
}

function requestTable(requests: Overview['requests']): Html | null {
  if (requests.length === 0) return null
  return html`<table>
    <caption class="unseen">
      What conditions asked for last
    </caption>
    <thead>
      <tr>
        <th scope="col">Asset</th>
        <th scope="col">Asked for</th>
        <th scope="col">Because</th>
      </tr>
    </thead>
    <tbody>
      ${requests.map(
        (one) =>
          html`<tr>
            <th scope="row">${one.asset} <span class="quiet">${one.location}</span></th>
            <td data-label="Asked for">${one.runs[0] === undefined ? moment(one.at) : html`<a href="/runs/${one.runs[0]}">${moment(one.at)}</a>`}</td>
            <td data-label="Because">${one.error === null ? one.reason : one.error.message}</td>
          </tr>`,
      )}
    </tbody>
  </table>`
}
