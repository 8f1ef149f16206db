import { isFailedSince } from '../api/assets.ts'
import type { Asset } from '../api/assets.ts'
import type { LocationView, Overview, PartitionsView, ScheduleView } from '../api/overview.ts'
import type { Run } from '../api/run-view.ts'
import { pausedWait } from '../api/run-waits.ts'
import { automationSection } from './automation-section.ts'
import { failureView } from './failure.ts'
import { forgetPath } from './forget-page.ts'
import { count, describeCounts, describePartitions, duration, moment, status } from './format.ts'
import { html } from './html.ts'
import type { Html } from './html.ts'
import { page } from './layout.ts'
import { metadataList } from './metadata/list.ts'
import { columnPhrase } from './statistics.ts'
import { table } from './table.ts'
import type { Row } from './table.ts'

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

function notices({ locations, pauses, queued, givenUp }: Overview): Html {
  const told = locations.filter((one) => one.notice !== null)
  const broken = locations.filter((one): one is LocationView & { error: NonNullable<LocationView['error']> } => one.error !== null)
  const idle = locations.filter((one) => one.loaded && one.workers === 0)
  return html`${pauses.map((one) => html`<p class="notice">${pausedWait(one).message}</p>`)}
  ${queued === 0 ? null : html`<p class="notice">${count(queued)} ${queued === 1 ? 'run waits' : 'runs wait'} in the queue (<code>millrace runs list --status queued</code>).</p>`}
  ${
    givenUp === 0
      ? null
      : html`<p class="notice">
          <a href="/notifications?status=failed" data-key="given up">${count(givenUp)} ${givenUp === 1 ? 'notification was' : 'notifications were'} given up</a
          >.
        </p>`
  }
  ${told.map((one) => html`<p class="notice"><strong>${one.name}</strong>: ${one.notice}</p>`)}
  ${broken.map(
    (one) =>
      html`<div class="notice bad">
        <p>The definitions of <strong>${one.name}</strong> did not load${one.loaded ? '; the version that loaded last stays in force' : ''}.</p>
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
          ${table({
            caption: `Assets of ${location.name}`,
            columns: ['Asset', 'Kind', 'Last materialized', { name: 'Rows', as: 'number' }, 'Checks', { name: 'Action', unseen: true }],
            rows: own.map((asset) =>
              assetRow(
                asset,
                now,
                partitions.find((one) => one.location === asset.location && one.asset === asset.key),
              ),
            ),
          })}`,
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

function assetRow(asset: Asset, now: number, partitions: PartitionsView | undefined): Row {
  const last = asset.lastMaterialization
  return {
    cells: [
      asset.key,
      html`${[asset.kind, ...asset.kinds].join(', ')}${asset.group === null ? null : html` <span class="quiet">${asset.group}</span>`}${
        asset.destination === null || asset.destination === ownDatabase ? null : html` <span class="quiet">in ${asset.destination}</span>`
      }`,
      html`${last === null ? 'never' : last.runId === null ? moment(last.at) : html`<a href="/runs/${last.runId}">${moment(last.at)}</a>`}${
        last === null ? null : html` <span class="quiet">${duration(last.at, null, now)} ago</span>`
      }${asset.freshness === null ? null : html` <span title="${asset.freshness.policy}">${status(asset.freshness.state)}</span>`}${
        asset.running === null ? null : html` <a href="/runs/${asset.running.runId}">${status(asset.running.status)}</a>`
      }${failedLine(asset)}${partitionsLine(asset, partitions)}`,
      last?.rows === undefined || last.rows === null ? '–' : count(last.rows),
      asset.checks.length === 0
        ? '–'
        : html`<ul class="plain">
            ${asset.checks.map((check) => html`<li>${status(check.state)} ${check.name}${check.last === null || check.last.passed ? null : html`: ${check.last.message}`}</li>`)}
          </ul>`,
      asset.kind === 'external'
        ? html`<span class="quiet">made elsewhere</span>`
        : html`<a class="button" href="${materializePath(asset.location, asset.key)}" data-key="one ${asset.location} ${asset.key}"
            >Materialize<span class="unseen"> ${asset.key}</span></a
          >`,
    ],
    below: [assetDetails(asset)],
  }
}

/** That it was to be made again and was not. */
function failedLine(asset: Asset): Html | null {
  const failed = asset.lastFailure
  if (failed === null || !isFailedSince(asset)) return null
  return html`<p>
    ${status('failed')}
    <a href="/runs/${failed.runId}" data-key="failed ${asset.location} ${asset.key}">${moment(failed.at)}</a
    >${failed.error === null ? null : html`: ${failed.error.message}`}
  </p>`
}

function partitionsLine({ location, key }: Asset, partitions: PartitionsView | undefined): Html | null {
  if (partitions === undefined) return null
  return html`<p>
    <a href="${partitionsPath(location, key)}" data-key="partitions ${location} ${key}"
      >${describeCounts(partitions.counts, 'materialized')}<span class="unseen"> partitions of ${key}</span></a
    >
  </p>`
}

/** What an asset is, folded up; nothing where nothing is known but its name. */
function assetDetails(asset: Asset): Html | null {
  // What a load says of a table stands in its columns already.
  const made = asset.kind === 'function' || asset.kind === 'external' ? (asset.lastMaterialization?.metadata ?? {}) : {}
  const metadata = { ...asset.metadata, ...made }
  const facts = factsOf(asset)
  if (asset.description === null && asset.deps.length === 0 && asset.columns.length === 0 && facts.length === 0 && Object.keys(metadata).length === 0)
    return null
  return html`<details id="asset-${asset.location}-${asset.key}">
    <summary>Details<span class="unseen"> of ${asset.key}</span></summary>
    ${asset.description === null ? null : html`<p>${asset.description}</p>`} ${asset.deps.length === 0 ? null : html`<p>Made from ${asset.deps.join(', ')}</p>`}
    ${facts.map((fact) => html`<p>${fact}</p>`)}
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
  </details>`
}

/** What an asset's definition says of it, as sentences. */
function factsOf({ key, owners, tags, codeVersion, madeBy, lastObservation, automation }: Asset): (string | Html)[] {
  const tagged = Object.entries(tags).map(([name, value]) => (value === '' ? name : `${name}=${value}`))
  return [
    ...(madeBy === null ? [] : [`Made by ${madeBy}`]),
    ...(owners.length === 0 ? [] : [`Owned by ${owners.join(', ')}`]),
    ...(tagged.length === 0 ? [] : [`Tagged ${tagged.join(', ')}`]),
    ...(codeVersion === null ? [] : [`Code version ${codeVersion}`]),
    ...(lastObservation === null ? [] : [html`Last observed ${moment(lastObservation.at)}`]),
    ...(automation === null ? [] : [html`${automation.message} <code>millrace automation show ${key}</code> tells more.`]),
  ]
}

function runTable(runs: readonly Run[], now: number): Html {
  if (runs.length === 0) return html`<p>Nothing has run yet.</p>`
  return table({
    caption: 'The newest runs',
    columns: ['Run', 'Status', 'Job or assets', 'Launched by', 'Started', 'Duration', { name: 'Rows', as: 'number' }],
    rows: runs.map((run) => [
      html`<a href="/runs/${run.id}" data-key="run ${run.id}"><code>${run.id.slice(0, 8)}</code></a>`,
      html`${status(run.status)} <span class="quiet">${run.progress.succeeded}/${run.progress.steps}<span class="unseen"> steps done</span></span>`,
      html`${run.job ?? run.assets.join(', ')}${run.partitions === null ? null : html` <span class="quiet">${describePartitions(run.partitions)}</span>`}`,
      run.launchedBy,
      moment(run.createdAt),
      duration(run.createdAt, run.endedAt, now),
      count(run.progress.rows),
    ]),
  })
}

function scheduleTable(schedules: readonly ScheduleView[]): Html {
  if (schedules.length === 0) return html`<p>No schedule is declared.</p>`
  return table({
    caption: 'Schedules, the next one first',
    columns: ['Schedule', 'When', 'Next', 'Last'],
    rows: schedules.map((one) => [
      html`${one.name} <span class="quiet">${one.location}</span>`,
      html`<code>${one.cron.join(', ')}</code> ${one.timeZone}`,
      one.stopped ? 'stopped' : moment(one.nextAt),
      one.last === null
        ? 'never'
        : html`${one.last.runId === null ? moment(one.last.at) : html`<a href="/runs/${one.last.runId}">${moment(one.last.at)}</a>`}
          ${one.last.status}${one.last.status !== 'failed' || one.last.error === null ? null : html`: ${one.last.error.message}`}`,
    ]),
  })
}

function processTable({ processes }: Overview): Html {
  if (processes.length === 0) return html`<p>No process has a lease.</p>`
  return table({
    caption: 'Processes alive',
    columns: ['Process', 'Works', 'Locations', 'Since'],
    rows: processes.map((one) => [
      html`${one.role} <span class="quiet">${one.host}:${one.pid}</span>`,
      html`${one.queues.length === 0 ? '–' : one.queues.join(', ')}${one.problem === null ? null : html` <span class="status bad">${one.problem}</span>`}`,
      Object.keys(one.versions).length === 0 ? '–' : Object.keys(one.versions).join(', '),
      moment(one.startedAt),
    ]),
  })
}
