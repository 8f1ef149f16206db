import type pg from 'pg'
import { askForEvaluation, ensureSensors, forgottenSensors } from '../catalog/sensors.ts'
import type { Manifest } from '../definitions/manifest.ts'
import type { Queues } from '../queues/queues.ts'
import type { WantedScheduler } from './job-schedulers.ts'

/** The job schedulers that a manifest's sensors are to have. Their keys are told apart from those of schedules in the same queue by their prefix. */
export async function wantedOfSensors(pool: pg.Pool, { location, sensors }: Manifest): Promise<WantedScheduler[]> {
  const stopped = await ensureSensors(
    pool,
    location,
    sensors.map(({ name, startsStopped, watches }) => ({ sensor: name, startsStopped, watches: watches !== undefined })),
  )
  return sensors
    .filter(({ name }) => !stopped.has(name))
    .map(({ name, everyMs }) => ({
      key: `sensor:${name}`,
      repeat: { every: everyMs },
      job: { name: 'sense', data: { sensor: name, cause: 'clock' } },
      about: { sensor: name, everyMs },
    }))
}

/** Asks again for sensors whose messages nobody took. */
export async function askForgottenSensors(pool: pg.Pool, queues: Queues, manifests: readonly Manifest[]): Promise<void> {
  const inForce = manifests.flatMap(({ location, sensors }) => sensors.map(({ name }) => ({ location, sensor: name })))
  for (const { location, sensor, asked: before } of await forgottenSensors(pool, inForce)) {
    const deliveryOf = (asked: number) => ({ sensor, cause: 'webhook', asked, failures: 0 }) as const
    // Where nobody works the queue the one job is enough, however long it waits.
    if (before > 0 && (await queues.delivery(location, 'sense', deliveryOf(before))).state === 'pending') continue
    const asked = await askForEvaluation(pool, { location, sensor })
    if (asked !== undefined) await queues.enqueue(location, 'sense', deliveryOf(asked))
  }
}
