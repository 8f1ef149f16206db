import { createPool } from '../../src/catalog/database.ts'
import { publishManifest } from '../../src/catalog/manifests.ts'
import { createLogger } from '../../src/logger.ts'
import { planRun } from '../../src/producers/launch/plan-run.ts'
import { loadLocations } from '../../src/workers/load-locations.ts'

// Loads a folder of code locations in a process that has loaded none before, plans runs of all its assets, and prints how many ms either took.
const [folder = '', url = '', tries = '1'] = process.argv.slice(2)
const began = performance.now()
const { loaded, broken } = await loadLocations(folder, undefined, undefined)
const loadMs = performance.now() - began
const [one] = loaded
if (broken.length > 0 || one === undefined) throw new Error(JSON.stringify(broken))
const pool = createPool({ url, max: 2, name: 'bench', logger: createLogger({ level: 'warn', pretty: false }), queryTimeoutMs: 0 })
await publishManifest(pool, one.manifest, one.version, undefined)
const planMs: number[] = []
let steps = 0
// The first reads the manifest, too.
for (let attempt = 0; attempt <= Number(tries); attempt += 1) {
  const asked = performance.now()
  const planned = await planRun(pool, { assets: ['*'] })
  planMs.push(performance.now() - asked)
  steps = planned.steps.length
}
await pool.end()
process.stdout.write(JSON.stringify({ loadMs, planMs, steps }))
