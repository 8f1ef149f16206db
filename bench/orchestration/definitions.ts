import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { migrate } from '../../src/catalog/migrate.ts'
import { createEmbeddedPostgres } from '../../src/embedded/embedded-postgres.ts'
import { median } from '../median.ts'
import { say } from './say.ts'

interface Measured {
  readonly loadMs: number
  readonly planMs: readonly number[]
  readonly steps: number
}

/** Loads a location of 2,000 assets in processes of their own, and plans runs of all of them. */
export async function benchDefinitions(folder: string, tries: number): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const postgres = await createEmbeddedPostgres({ folder: join(home, 'database'), durable: true })
  try {
    await migrate({ databaseUrl: postgres.url, queuesInPostgres: false })
    const measured = Array.from({ length: tries }, () => loadAndPlan(folder, postgres.url, tries))
    const loads = median(measured.map((one) => one.loadMs))
    const first = median(measured.map((one) => one.planMs[0] ?? Number.NaN))
    const plans = median(measured.flatMap((one) => one.planMs.slice(1)))
    say(
      `${String(measured[0]?.steps ?? 0)} assets: loaded in ${loads.toFixed(0)} ms, a run of all of them planned in ${plans.toFixed(0)} ms, the first in ${first.toFixed(0)} (medians of ${String(tries)} processes, without the start of Node)`,
    )
  } finally {
    await postgres.close()
    rmSync(home, { recursive: true, force: true })
  }
}

function loadAndPlan(folder: string, url: string, tries: number): Measured {
  const program = fileURLToPath(new URL('./load-and-plan.ts', import.meta.url))
  const child = spawnSync(process.execPath, ['--conditions=millrace:source', program, folder, url, String(tries)], { encoding: 'utf8' })
  if (child.status !== 0) throw new Error(child.stderr)
  return JSON.parse(child.stdout) as Measured
}
