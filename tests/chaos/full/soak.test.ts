import { expect, test } from '../../support/test.ts'
import { soak } from '../soak.ts'

const seconds = Number(process.env['MILLRACE_SOAK_SECONDS'] ?? 0)

for (const backend of ['postgres', 'redis'] as const) {
  test.runIf(seconds > 0)(
    `random kills and stops for ${String(seconds)} s lose and double nothing (${backend})`,
    { timeout: (seconds + 300) * 1000 },
    async () => {
      const told = await soak(backend, seconds)
      process.stdout.write(`\n${told.text}\n`)
      expect(told.runs).toBeGreaterThan(0)
    },
  )
}
