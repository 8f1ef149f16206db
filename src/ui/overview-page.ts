import type { Asset } from '../api/assets.ts'
import type { LocationView, Overview, PartitionsView, ScheduleView } from '../api/overview.ts'
import type { Run } from '../api/run-view.ts'
import { pausedWait } from '../api/run-waits.ts'
import { automationSection } from './automation-section.ts'
import { failureView } from './failure.ts'
import { forgetPath } from './forget-page.ts'
import { count, describeCounts, duration, moment, status } from './format.ts'
import { html } from './html.ts'
import type { Html } from './html.ts'
import { page } from './layout.ts'
import { metadataList } from './metadata/list.ts'
import { columnPhrase } from './statistics.ts'

/** The first page: what is there, what runs, what comes next. */
export function overviewPage(view: Overview, now: number): string {
  const open = view.runs.some((run) => run.endedAt === null)
  return page({
    title: 'Overview',
    live: open ? 'open' : 'idle',
    body: html`<h1>Overview</h1>
      <div id="notices" data-live>${notices(view)}</div>
      <section aria-labelledby="assets-heading">
        <h2 id="assets-heading">Assets</h2>
        <div id="assets" data-live>${assetTables(view, now)}</div>
      </section>
      <section aria-labelledby="runs-heading">
        <h2 id="runs-heading">Runs</h2>
        <div id="runs" data-live>${runTable(view.runs, now)}</div>
      </section>
      <section aria-labelledby="schedules-heading">
        <h2 id="schedules-heading">Schedules</h2>
        <div id="schedules" data-live>${scheduleTable(view.schedules)}</div>
      </section>
      ${automationSection(view)}
      <section aria-labelledby="processes-heading">
        <h2 id="processes-heading">Processes</h2>
        <div id="processes" data-live>${processTable(view)}</div>
      </section>`,
  })
}

function notices({ locations, pauses, queued }: Overview): Html {
  const told = locations.filter((one) => one.notice !== null)
  const broken = locations.filter((one): one is LocationView & { error: NonNullable<LocationView['error']> } => one.error !== null)
  const idle = locations.filter((one) => one.loaded && one.workers === 0)
  return html`${pauses.map((one) => html`<p class="notice">${pausedWait(one).message}</p>`)}
  ${queued === 0 ? null : html`<p class="notice">${count(queued)} ${queued === 1 ? 'run waits' : 'runs wait'} in the queue (<code>millrace runs list --status queued</code>).</p>`}
  ${told.map((one) => html`<p class="notice"><strong>${one.name}</strong>: ${one.notice}</p>`)}
  ${broken.map(
    (one) =>
      html`<div class="notice bad">
        <p>The definitions of <strong>${one.name}</strong> did not load${one.loaded ? '; the last good version stays in force' : ''}.</p>
        ${failureView(one.error)}${one.loaded ? null : forgetOffer(one)}
      </div>`,
  )}
  ${idle.map(
    (one) =>
      html`<p class="notice">
        No worker is alive for <strong>${one.name}</strong>: what is launched waits until one starts (<code>millrace worker --location ${one.name}</code
        >).${forgetOffer(one)}
      </p>`,
  )}`
}

/** A way out for one that may be gone for good. */
function forgetOffer({ name, longUnseen, lastSeenAt }: LocationView): Html | null {
  if (!longUnseen) return null
  return html` None was seen since ${moment(lastSeenAt)}: <a href="${forgetPath(name)}" data-key="forget ${name}">forget ${name}</a> if it is gone for good.`
}

function assetTables({ assets, locations, partitions }: Overview, now: number): Html {
  if (assets.length === 0) {
    return html`<p>No asset is known yet. A code location's assets appear here when one of its workers has started.</p>`
  }
  return html`${locations
    .map((location) => ({ location, own: assets.filter((one) => one.location === location.name) }))
    .filter(({ own }) => own.length > 0)
    .map(
      ({ location, own }) =>
        html`<div class="head">
            <h3>${location.name}</h3>
            ${
              own.length > 1
                ? html`<a class="button" href="${materializePath(location.name, '*')}" data-key="all ${location.name}"
                    >Materialize all<span class="unseen"> of ${location.name}</span></a
                  >`
                : null
            }
          </div>
          <table>
            <caption class="unseen">
              Assets of ${location.name}
            </caption>
            <thead>
              <tr>
                <th scope="col">Asset</th>
                <th scope="col">Kind</th>
                <th scope="col">Last materialized</th>
                <th scope="col" class="number">Rows</th>
                <th scope="col">Checks</th>
                <th scope="col"><span class="unseen">Action</span></th>
              </tr>
            </thead>
            <tbody>
              ${own.map((asset) =>
                assetRow(
                  asset,
                  now,
                  partitions.find((one) => one.location === asset.location && one.asset === asset.key),
                ),
              )}
            </tbody>
          </table>`,
    )}`
}

function partitionsPath(location: string, asset: string): string {
  return `/partitions?${new URLSearchParams({ location, asset }).toString()}`
}

function materializePath(location: string, assets: string): string {
  return `/materialize?${new URLSearchParams({ location, assets }).toString()}`
}

/** The destination that most assets have, which is not worth a word. */
const ownDatabase = 'default'

function assetRow(asset: Asset, now: number, partitions: PartitionsView | undefined): Html {
  const last = asset.lastMaterialization
  return html`<tr>
      <th scope="row">${asset.key}</th>
      <td data-label="Kind">
        ${[asset.kind, ...asset.kinds].join(', ')}${asset.group === null ? null : html` <span class="quiet">${asset.group}</span>`}${
          asset.destination === null || asset.destination === ownDatabase ? null : html` <span class="quiet">in ${asset.destination}</span>`
        }
      </td>
      <td data-label="Last materialized">
        ${
          last === null ? 'never' : last.runId === null ? moment(last.at) : html`<a href="/runs/${last.runId}">${moment(last.at)}</a>`
        }${last === null ? null : html` <span class="quiet">${duration(last.at, null, now)} ago</span>`}${
          asset.freshness === null ? null : html` <span title="${asset.freshness.policy}">${status(asset.freshness.state)}</span>`
        }${asset.running === null ? null : html` <a href="/runs/${asset.running.runId}">${status(asset.running.status)}</a>`}${
          partitions === undefined
            ? null
            : html`<p>
                <a href="${partitionsPath(asset.location, asset.key)}" data-key="partitions ${asset.location} ${asset.key}"
                  >${describeCounts(partitions.counts, 'materialized')}<span class="unseen"> partitions of ${asset.key}</span></a
                >
              </p>`
        }
      </td>
      <td data-label="Rows" class="number">${last?.rows === undefined || last.rows === null ? '–' : count(last.rows)}</td>
      <td data-label="Checks">
        ${
          asset.checks.length === 0
            ? '–'
            : html`<ul class="plain">
                ${asset.checks.map((check) => html`<li>${status(check.state)} ${check.name}${check.last === null || check.last.passed ? null : html`: ${check.last.message}`}</li>`)}
              </ul>`
        }
      </td>
      <td>
        ${
          asset.kind === 'external'
            ? html`<span class="quiet">made elsewhere</span>`
            : html`<a class="button" href="${materializePath(asset.location, asset.key)}" data-key="one ${asset.location} ${asset.key}"
                >Materialize<span class="unseen"> ${asset.key}</span></a
              >`
        }
      </td>
    </tr>
    ${assetDetails(asset)}`
}

/** What an asset is, folded up; nothing where nothing is known but its name. */
function assetDetails(asset: Asset): Html | null {
  // What a load says of a table stands in its columns already.
  const made = asset.kind === 'function' || asset.kind === 'external' ? (asset.lastMaterialization?.metadata ?? {}) : {}
  const metadata = { ...asset.metadata, ...made }
  const facts = factsOf(asset)
  if (asset.description === null && asset.deps.length === 0 && asset.columns.length === 0 && facts.length === 0 && Object.keys(metadata).length === 0)
    return null
  return html`<tr class="wide">
    <td colspan="6">
      <details id="asset-${asset.location}-${asset.key}">
        <summary>Details<span class="unseen"> of ${asset.key}</span></summary>
        ${asset.description === null ? null : html`<p>${asset.description}</p>`}
        ${asset.deps.length === 0 ? null : html`<p>Made from ${asset.deps.join(', ')}</p>`} ${facts.map((fact) => html`<p>${fact}</p>`)}
        ${
          asset.columns.length === 0
            ? null
            : html`<dl>
                ${asset.columns.map(
                  (column) =>
                    html`<dt>${column.name}</dt>
                      <dd>
                        ${column.type}${column.nullable ? '' : ', never null'}${column.description === null ? null : html` – ${column.description}`}${column.statistics === null ? null : columnPhrase(column.statistics)}
                      </dd>`,
                )}
              </dl>`
        }
        ${Object.keys(metadata).length === 0 ? null : metadataList(metadata)}
      </details>
    </td>
  </tr>`
}

/** What an asset's definition says of it, as sentences. */
function factsOf({ owners, tags, codeVersion, madeBy, lastObservation }: Asset): (string | Html)[] {
  const tagged = Object.entries(tags).map(([name, value]) => (value === '' ? name : `${name}=${value}`))
  return [
    ...(madeBy === null ? [] : [`Made by ${madeBy}`]),
    ...(owners.length === 0 ? [] : [`Owned by ${owners.join(', ')}`]),
    ...(tagged.length === 0 ? [] : [`Tagged ${tagged.join(', ')}`]),
    ...(codeVersion === null ? [] : [`Code version ${codeVersion}`]),
    ...(lastObservation === null ? [] : [html`Last observed ${moment(lastObservation.at)}`]),
  ]
}

function runTable(runs: readonly Run[], now: number): Html {
  if (runs.length === 0) return html`<p>Nothing has run yet.</p>`
  return html`<table>
    <caption class="unseen">
      The newest runs
    </caption>
    <thead>
      <tr>
        <th scope="col">Run</th>
        <th scope="col">Status</th>
        <th scope="col">Assets</th>
        <th scope="col">Launched by</th>
        <th scope="col">Started</th>
        <th scope="col">Duration</th>
        <th scope="col" class="number">Rows</th>
      </tr>
    </thead>
    <tbody>
      ${runs.map(
        (run) =>
          html`<tr>
            <th scope="row">
              <a href="/runs/${run.id}" data-key="run ${run.id}"><code>${run.id.slice(0, 8)}</code></a>
            </th>
            <td data-label="Status">
              ${status(run.status)} <span class="quiet">${run.progress.succeeded}/${run.progress.steps}<span class="unseen"> steps done</span></span>
            </td>
            <td data-label="Assets">${run.job ?? run.assets.join(', ')}</td>
            <td data-label="Launched by">${run.launchedBy}</td>
            <td data-label="Started">${moment(run.createdAt)}</td>
            <td data-label="Duration">${duration(run.createdAt, run.endedAt, now)}</td>
            <td data-label="Rows" class="number">${count(run.progress.rows)}</td>
          </tr>`,
      )}
    </tbody>
  </table>`
}

function scheduleTable(schedules: readonly ScheduleView[]): Html {
  if (schedules.length === 0) return html`<p>No schedule is declared.</p>`
  return html`<table>
    <caption class="unseen">
      Schedules, the next one first
    </caption>
    <thead>
      <tr>
        <th scope="col">Schedule</th>
        <th scope="col">When</th>
        <th scope="col">Next</th>
        <th scope="col">Last</th>
      </tr>
    </thead>
    <tbody>
      ${schedules.map(
        (one) =>
          html`<tr>
            <th scope="row">${one.name} <span class="quiet">${one.location}</span></th>
            <td data-label="When"><code>${one.cron.join(', ')}</code> ${one.timeZone}</td>
            <td data-label="Next">${one.stopped ? 'stopped' : moment(one.nextAt)}</td>
            <td data-label="Last">
              ${
                one.last === null
                  ? 'never'
                  : html`${one.last.runId === null ? moment(one.last.at) : html`<a href="/runs/${one.last.runId}">${moment(one.last.at)}</a>`}
                    ${one.last.status}${one.last.status !== 'failed' || one.last.error === null ? null : html`: ${one.last.error.message}`}`
              }
            </td>
          </tr>`,
      )}
    </tbody>
  </table>`
}

function processTable({ processes }: Overview): Html {
  if (processes.length === 0) return html`<p>No process has a lease.</p>`
  return html`<table>
    <caption class="unseen">
      Processes alive
    </caption>
    <thead>
      <tr>
        <th scope="col">Process</th>
        <th scope="col">Works</th>
        <th scope="col">Locations</th>
        <th scope="col">Since</th>
      </tr>
    </thead>
    <tbody>
      ${processes.map(
        (one) =>
          html`<tr>
            <th scope="row">${one.role} <span class="quiet">${one.host}:${one.pid}</span></th>
            <td data-label="Works">
              ${one.queues.length === 0 ? '–' : one.queues.join(', ')}${one.problem === null ? null : html` <span class="status bad">${one.problem}</span>`}
            </td>
            <td data-label="Locations">${Object.keys(one.versions).length === 0 ? '–' : Object.keys(one.versions).join(', ')}</td>
            <td data-label="Since">${moment(one.startedAt)}</td>
          </tr>`,
      )}
    </tbody>
  </table>`
}
