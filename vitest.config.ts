import { defaultServerConditions } from 'vite'
import { defineConfig } from 'vitest/config'

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
    maxWorkers: 2,
    retry: 0,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['default', './tests/support/count-reporter.ts'],
  },
})
