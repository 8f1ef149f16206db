import type { Overview } from '../api/overview.ts'
import { failureView } from './failure.ts'
import { count, moment } from './format.ts'
import { html } from './html.ts'
import type { Html } from './html.ts'
import { table } from './table.ts'

/** What automation conditions do; nothing where no asset has one. */
export function automationSection({ automation, requests }: Pick<Overview, 'automation' | 'requests'>): Html | null {
  if (automation.length === 0) return null
  return html`<section aria-labelledby="automation-heading">
    <h2 id="automation-heading">Automation</h2>
    <div id="automation" data-live>
      ${automation.flatMap(({ location, error }) => (error === null ? [] : [html`<p>The conditions of <strong>${location}</strong> cannot be evaluated.</p>`, failureView(error)]))}
      ${table({
        caption: 'Code locations whose assets have conditions',
        columns: ['Location', { name: 'Assets', as: 'number' }, 'Evaluated', 'Next'],
        rows: automation.map((one) => [
          one.location,
          count(one.assets.length),
          one.evaluatedAt === null ? 'not yet' : moment(one.evaluatedAt),
          one.stopped ? 'stopped' : one.nextAt === null ? 'when something happens' : moment(one.nextAt),
        ]),
      })}
      ${
        requests.length === 0
          ? null
          : table({
              caption: 'What conditions asked for last',
              columns: ['Asset', 'Asked for', 'Because'],
              rows: requests.map((one) => [
                html`${one.asset} <span class="quiet">${one.location}</span>`,
                one.runs[0] === undefined ? moment(one.at) : html`<a href="/runs/${one.runs[0]}">${moment(one.at)}</a>`,
                one.error === null ? one.reason : one.error.message,
              ]),
            })
      }
    </div>
  </section>`
}
