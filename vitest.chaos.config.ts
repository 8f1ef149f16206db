import { defineConfig } from 'vitest/config'
import base from './vitest.config.ts'

// Every point × every backend takes far longer than a test run may; `npm run chaos` runs it alone, one file at a time.
export default defineConfig({
  ...base,
  test: { ...base.test, include: ['tests/chaos/full/**/*.test.ts'], exclude: [], maxWorkers: 1, testTimeout: 3_600_000, hookTimeout: 300_000 },
})
