import { writeFileSync } from 'node:fs'
import type { Reporter, TestModule } from 'vitest/node'

/** The runner's own count. A file that could not be loaded counts as one failed test: it would otherwise count as none. */
export interface TestCounts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** Leaves the counts where `tests/run.ts` says, which prints them last. */
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const path = process.env['MILLRACE_TEST_COUNTS']
    if (path === undefined) return
    const counts = { passed: 0, failed: 0, skipped: 0, pending: 0 }
    for (const module of modules) {
      if (module.errors().length > 0) counts.failed += 1
      for (const test of module.children.allTests()) counts[test.result().state] += 1
    }
    const { pending, ...rest } = counts
    // A test that was begun and never ended, because the run was cut short, has not passed.
    writeFileSync(path, JSON.stringify({ ...rest, failed: rest.failed + pending } satisfies TestCounts))
  }
}
