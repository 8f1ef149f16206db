import { defaultServerConditions } from 'vite'
import { defineConfig } from 'vitest/config'
import { BaseSequencer } from 'vitest/node'
import type { TestSpecification } from 'vitest/node'

/** They take longest, mostly waiting for leases to run out: begun first, they wait while the others run. A fresh clone knows no durations. */
const longest = ['tests/chaos/points.test.ts', 'tests/chaos/services.test.ts']

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => Number(longest.some((file) => moduleId.endsWith(file)))
    // oxlint-disable-next-line unicorn/no-array-sort -- not an array's
    return (await super.sort(files)).toSorted((one, other) => rank(other) - rank(one))
  }
}

export default defineConfig({
  ssr: {
    // 'millrace' means the sources, as it does for the bin in a checkout. Never add 'import' here: it reaches require() too and breaks pg.
    // Without 'module', which stands for files that only bundlers can read.
    resolve: {
      conditions: ['millrace:source', ...defaultServerConditions.filter((one) => one !== 'module')],
      externalConditions: ['millrace:source', 'node'],
    },
  },
  test: {
    include: ['tests/**/*.test.ts'],
    exclude: ['tests/chaos/full/**'],
    globalSetup: ['tests/support/global-setup.ts'],
    isolate: true,
    // One more than CI has cores: a file waits for processes and leases a third of its time.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    retry: 0,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['default', './tests/support/count-reporter.ts'],
  },
})
