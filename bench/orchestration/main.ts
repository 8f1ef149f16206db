import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { QueueBackend } from '../../src/queues/connection.ts'
import { startCluster } from '../cluster.ts'
import type { Cluster } from '../cluster.ts'
import { benchDefinitions } from './definitions.ts'
import { benchLaunch } from './launch.ts'
import { benchRuns } from './runs.ts'
import { say } from './say.ts'
import { benchSchedule } from './schedule.ts'
import { benchSensors } from './sensors.ts'
import { benchSteps } from './steps.ts'

const help = `npm run bench -- orchestration [PART …] [--backend postgres|redis|both] [--tries 3]
What Millrace itself costs, with work that does nothing. Parts, all of them where none is named:
  launch       from the request to the first line of a function, warm
  steps        a job of 100 steps, one after the other and 98 at once
  runs         1,000 runs launched at once: runs a second, bytes and transactions of each
  schedule     from a schedule's second to the first line of a function
  sensors      what 500 sensors that look every 30 s cost while nothing happens
  definitions  2,000 assets: how long they take to load, and a run of all of them to plan`

const parts = ['launch', 'steps', 'runs', 'schedule', 'sensors', 'definitions'] as const
type Part = (typeof parts)[number]

/** What a small production has: all queues of a kind in one process. */
const roles = { producers: ['producers'], board: ['board'], worker: ['worker'] } as const

/** `npm run bench -- orchestration` */
export async function benchOrchestration(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { backend: { type: 'string', default: 'both' }, tries: { type: 'string', default: '3' }, help: { type: 'boolean', short: 'h' } },
  })
  if (values.help === true) {
    process.stdout.write(`${help}\n`)
    return
  }
  const unknown = positionals.filter((one) => !parts.some((part) => part === one))
  if (unknown.length > 0) throw new Error(`There is no part ${unknown.join(', ')}: the parts are ${parts.join(', ')}.`)
  const wanted = (part: Part): boolean => positionals.length === 0 || positionals.includes(part)
  const tries = Number(values.tries)
  const backends: QueueBackend[] = values.backend === 'redis' ? ['redis'] : values.backend === 'postgres' ? ['postgres'] : ['redis', 'postgres']
  for (const backend of backends) {
    if (parts.some((part) => part !== 'definitions' && wanted(part))) say(`## queues on ${backend}`)
    if (wanted('launch') || wanted('steps') || wanted('runs') || wanted('schedule')) {
      await within(backend, 'trivial', async (cluster) => {
        if (wanted('launch')) await benchLaunch(cluster)
        if (wanted('steps')) await benchSteps(cluster, tries)
        if (wanted('runs')) await benchRuns(cluster, tries)
        if (wanted('schedule')) await benchSchedule(cluster)
      })
    }
    if (wanted('sensors')) await within(backend, 'sensors', benchSensors)
  }
  if (wanted('definitions')) await benchDefinitions(locationFolder('assets'), tries)
}

const locationFolder = (name: string): string => fileURLToPath(new URL(`./locations/${name}`, import.meta.url))

async function within(backend: QueueBackend, location: string, work: (cluster: Cluster) => Promise<void>): Promise<void> {
  const cluster = await startCluster({ backend, rows: 1, roles, env: { MILLRACE_PIPELINES: locationFolder(location) } })
  try {
    await work(cluster)
  } finally {
    await cluster.close()
  }
}
