export interface ProjectNames {
  /** Of the project and its first code location. */
  readonly name: string
  /** Of the Postgres schema of its tables. */
  readonly schema: string
}

/** The first code location of a new project: it needs nothing from outside, and is there to be changed. */
export function definitionsFile({ name, schema }: ProjectNames): string {
  return `import { defineLocation, notEmpty, schedule, sqlAsset, table, unique } from 'millrace'
import * as z from 'zod'

type Reading = { station: string; at: string; fahrenheit: number | null }

/** One row per hour and station. Replace \`extract\` by what reads your system; \`millrace/sources\` has ready-made extractors. */
export const readings = table({
  key: '${schema}/readings',
  description: 'A day of hourly temperatures, computed so that nothing outside is needed.',
  group: '${schema}',
  columns: z.object({ station: z.string(), at: z.iso.datetime(), celsius: z.number().meta({ description: 'Air temperature' }) }),
  write: { disposition: 'replace' },
  primaryKey: ['station', 'at'],
  extract: function* ({ runStartedAt }) {
    const midnight = Date.parse(runStartedAt.slice(0, 10))
    for (const [index, station] of ['harbour', 'hill', 'wood'].entries()) {
      yield Array.from({ length: 24 }, (_, hour) => ({
        station,
        at: new Date(midnight + hour * 3_600_000).toISOString(),
        fahrenheit: 54 - 2 * index + 11 * Math.sin(((hour - 8) / 24) * 2 * Math.PI),
      }))
    }
  },
  // Null: no row of this reading.
  transform: ({ fahrenheit, ...reading }: Reading) => (fahrenheit === null ? null : { ...reading, celsius: ((fahrenheit - 32) * 5) / 9 }),
  checks: [notEmpty(), unique(['station', 'at'])],
})

const warmest = sqlAsset({
  key: '${schema}/warmest_hour',
  description: 'The warmest hour of each station.',
  group: '${schema}',
  select: 'SELECT DISTINCT ON (station) station, at, celsius FROM ${schema}.readings ORDER BY station, celsius DESC, at',
  store: { kind: 'view' },
  deps: [readings],
})

export default defineLocation({
  name: '${name}',
  assets: [readings, warmest],
  schedules: [schedule({ name: 'daily', cron: '0 6 * * *', timeZone: 'UTC', runOnFirstStart: true, assets: '*' })],
})
`
}
