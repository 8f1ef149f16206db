import * as z from 'zod'
import { readLiveProcesses } from '../catalog/read/processes.ts'
import { Failure } from './failure.ts'
import { route } from './route.ts'

const Location = z
  .object({
    name: z.string(),
    version: z.string().nullable().meta({ description: 'Of the definitions in force, which new runs are planned from; null where none ever loaded.' }),
    notice: z.string().nullable().meta({ description: 'What a person should know of it: that a simulator stands in, for one.' }),
    error: Failure.nullable().meta({
      description: 'Why its definitions did not load the last time, with file, line and column; the version in force stays. Null once they load.',
    }),
    updatedAt: z.iso.datetime().meta({ description: 'When a worker last loaded it, or tried to.' }),
    workers: z.record(z.string(), z.int()).meta({ description: 'Live workers by the version that they hold.' }),
  })
  .meta({ id: 'Location' })

const listLocations = route({
  method: 'get',
  path: '/locations',
  operation: 'listLocations',
  summary: 'Every code location: its version in force, and why its definitions do not load',
  response: z.object({ locations: z.array(Location) }).meta({ id: 'LocationList' }),
}).handle(async ({ parts }) => {
  const [locations, processes] = await Promise.all([parts.locations.all(parts.pool), readLiveProcesses(parts.pool)])
  return {
    body: {
      locations: locations.map(({ name, version, notice, error, updatedAt }) => {
        const held = processes.flatMap(({ role, versions }) => (role === 'worker' ? (versions[name] ?? []) : []))
        const workers = Object.fromEntries([...Map.groupBy(held, (one) => one)].map(([one, all]) => [one, all.length]))
        return { name, version, notice, error, updatedAt, workers }
      }),
    },
  }
})

export const locationRoutes = [listLocations]
