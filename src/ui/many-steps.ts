import { isChosen } from '../api/run-steps.ts'
import type { RunPageView, StepChoice, StepCounts, StepGroup } from '../api/run-steps.ts'
import type { Step } from '../api/run-view.ts'
import { count, duration } from './format.ts'
import { html } from './html.ts'
import type { Html } from './html.ts'
import { table } from './table.ts'

/** A run of thousands of steps: how many stand how, what failed first, and those that were chosen, a page at a time. */
export function manySteps(run: RunPageView, show: (steps: readonly Step[], caption: string) => Html, now: number): Html {
  const { choice, counts, groups, steps, failed, next } = run
  const lost = counts.get('failed') ?? 0
  // What stands above is not shown twice.
  const told = new Set(failed.map(({ id }) => id))
  return html`<p>
      ${count(totalOf(counts))} steps:
      ${links(run.id, {}, counts)}${isChosen(choice) ? html` · <a href="/runs/${run.id}" data-key="all steps">all of them</a>` : null}
    </p>
    ${
      groups.length < 2
        ? null
        : table({
            caption: 'Branches by the step that they are made from',
            columns: ['Step', { name: 'Steps', as: 'number' }, 'Status', 'Duration'],
            rows: groups.map((group) => groupRow(run.id, group, now)),
          })
    }
    ${
      failed.length === 0
        ? null
        : html`<h3>Failed</h3>
            ${show(failed, 'The first steps that failed')}
            ${lost > failed.length ? html`<p><a href="${pathOf(run.id, { status: 'failed' })}" data-key="all failed">All ${count(lost)} that failed</a></p>` : null}`
    }
    <h3>${headingOf(run)}</h3>
    ${
      steps.length === 0
        ? html`<p>There are no such steps.</p>`
        : show(
            steps.filter(({ id }) => !told.has(id)),
            'Steps of the run that were chosen',
          )
    }
    ${
      choice.from === 0 && next === undefined
        ? null
        : html`<p>
            ${choice.from === 0 ? null : html`<a href="${pathOf(run.id, { ...choice, from: 0 })}" data-key="first steps">The first ones</a> `}${
              next === undefined ? null : html`<a href="${pathOf(run.id, { ...choice, from: next })}" rel="next" data-key="next steps">The next ones</a>`
            }
          </p>`
    }`
}

const totalOf = (counts: StepCounts): number => [...counts.values()].reduce((sum, one) => sum + one, 0)

function headingOf({ choice: { of, status: stands, from }, groups, steps }: RunPageView): string {
  const what =
    of === undefined ? (stands === undefined && groups.length > 1 ? 'Steps of no branch' : 'Steps') : of === '' ? 'Steps of no branch' : `Branches of ${of}`
  const which = stands === undefined ? '' : `, ${stands}`
  return `${what}${which}${steps.length === 0 ? '' : `, ${count(from + 1)} to ${count(from + steps.length)}`}`
}

function groupRow(run: string, { template, counts, startedAt, endedAt }: StepGroup, now: number): readonly (Html | string)[] {
  const of = template ?? ''
  const name = template ?? 'of no branch'
  return [
    html`<a href="${pathOf(run, { of })}" data-key="steps of ${of}">${name}</a>`,
    count(totalOf(counts)),
    links(run, { of }, counts),
    duration(startedAt, endedAt, now),
  ]
}

/** Each status with how many have it, and the way to them. */
function links(run: string, choice: Partial<StepChoice>, counts: StepCounts): Html {
  return html`${[...counts].map(
    ([stands, steps]) =>
      html`<a href="${pathOf(run, { ...choice, status: stands })}" data-key="steps ${choice.of ?? '*'} ${stands}">${count(steps)} ${stands}</a> `,
  )}`
}

function pathOf(run: string, { of, status: stands, from = 0 }: Partial<StepChoice>): string {
  const query = new URLSearchParams()
  if (of !== undefined) query.set('of', of)
  if (stands !== undefined) query.set('status', stands)
  if (from > 0) query.set('from', String(from))
  return query.size === 0 ? `/runs/${run}` : `/runs/${run}?${query.toString()}`
}
