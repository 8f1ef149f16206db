import type { PartitionsDetail } from '../api/partitions.ts'
import { count, describeCounts, moment, status } from './format.ts'
import { html } from './html.ts'
import type { Html } from './html.ts'
import { page } from './layout.ts'
import { table } from './table.ts'

/** The partitions of an asset: a picture of all of them, the same in words, and those that failed. */
export function partitionsPage(view: PartitionsDetail): string {
  return page({
    title: `Partitions of ${view.asset}`,
    live: view.counts.running > 0 ? 'open' : 'idle',
    body: html`<h1>Partitions of ${view.asset}</h1>
      <div id="partitions" data-live>
        <p>${describeCounts(view.counts, 'materialized')} <span class="quiet">${view.kind}, ${view.location}</span></p>
        ${picture(view)} ${stretches(view)} ${failed(view)}
      </div>`,
  })
}

const lanes = ['materialized', 'running', 'failed', 'missing'] as const
const lane = { height: 14, gap: 6, label: 90, width: 800 }

/** A lane for each status, so that none is told by its colour alone; a bar is as high as the part of its bin. The table below says the same. */
function picture({ bins, counts }: PartitionsDetail): Html | null {
  if (bins.length === 0) return null
  const width = lane.width / bins.length
  const [first, last] = [bins[0], bins.at(-1)]
  const label = `From ${first?.from ?? ''} to ${last?.to ?? ''}: ${describeCounts(counts, 'materialized')}`
  return html`<svg class="strip" role="img" aria-label="${label}" viewBox="0 0 ${lane.label + lane.width} ${lanes.length * (lane.height + lane.gap)}">
    ${lanes.map((name, row) => {
      const bottom = row * (lane.height + lane.gap) + lane.height
      return html`<text x="0" y="${bottom - 2}">${name}</text>
        <line x1="${lane.label}" x2="${lane.label + lane.width}" y1="${bottom}" y2="${bottom}" />
        ${bins.map((bin, at) => {
          const share = bin[name] / (bin.missing + bin.materialized + bin.failed + bin.running)
          if (share === 0) return null
          // What is there at all is to be seen.
          const height = Math.max(3, share * lane.height)
          return html`<rect
            class="${name}"
            x="${(lane.label + at * width).toFixed(2)}"
            y="${(bottom - height).toFixed(2)}"
            width="${Math.max(0.5, width - (width > 3 ? 1 : 0)).toFixed(2)}"
            height="${height.toFixed(2)}"
          >
            <title>${bin.from === bin.to ? bin.from : `${bin.from} to ${bin.to}`}: ${count(bin[name])} ${name}</title>
          </rect>`
        })}`
    })}
  </svg>`
}

function stretches(view: PartitionsDetail): Html {
  if (view.stretches.length === 0) return html`<p>There are no partitions yet.</p>`
  return html`${table({
    caption: 'Partitions that follow each other and stand alike',
    columns: ['From', 'To', { name: 'Partitions', as: 'number' }, 'Status'],
    rows: view.stretches.map((one) => [one.from, one.to, count(one.count), status(one.status)]),
  })}
  ${view.more ? html`<p class="quiet">And so on: <code>millrace partitions list ${view.asset}</code> shows them all.</p>` : null}`
}

function failed(view: PartitionsDetail): Html | null {
  if (view.failed.length === 0) return null
  return html`<section aria-labelledby="failed-heading">
    <h2 id="failed-heading">Failed</h2>
    <ul class="plain">
      ${view.failed.map(
        (one) =>
          html`<li>
            ${one.partition}:
            ${moment(one.failedAt)}${one.failedRunId === null ? null : html` <a href="/runs/${one.failedRunId}" data-key="failed ${one.partition}">run <code>${one.failedRunId.slice(0, 8)}</code></a>`}
          </li>`,
      )}
    </ul>
  </section>`
}
