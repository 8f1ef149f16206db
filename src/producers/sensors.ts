import { currentManifests } from '../catalog/manifests.ts'
import { askForEvaluation, ensureSensor, forgottenSensors } from '../catalog/sensors.ts'
import type { SchedulesDeps } from './schedules.ts'

/** Told apart from schedules' job schedulers in the same queue. */
const prefix = 'sensor:'

/**
 * Brings the queue's job schedulers of sensors in line with the manifests in force, and asks again for sensors whose messages nobody took. Only the leader calls it; a
 * scheduler is upserted only when it differs, because each upsert may move its next time.
 */
export async function syncSensors({ pool, queues, logger }: SchedulesDeps): Promise<void> {
  for (const { manifest } of await currentManifests(pool)) {
    const queue = queues.queue(manifest.location, 'ticks')
    const existing = new Map((await queue.getJobSchedulers(0, -1)).filter(({ key }) => key.startsWith(prefix)).map((one) => [one.key, one]))
    for (const sensor of manifest.sensors) {
      const key = `${prefix}${sensor.name}`
      const known = existing.get(key)
      existing.delete(key)
      const stopped = await ensureSensor(pool, { location: manifest.location, sensor: sensor.name }, sensor.startsStopped, sensor.watches !== undefined)
      if (stopped) {
        if (known !== undefined) await queue.removeJobScheduler(key)
      } else if (Number(known?.every) !== sensor.everyMs) {
        await queue.upsertJobScheduler(key, { every: sensor.everyMs }, { name: 'sense', data: { sensor: sensor.name, cause: 'clock' } })
        logger.info({ location: manifest.location, sensor: sensor.name, everyMs: sensor.everyMs }, 'the sensor is evaluated from now on')
      }
    }
    for (const gone of existing.keys()) await queue.removeJobScheduler(gone)
  }
  for (const forgotten of await forgottenSensors(pool)) {
    const asked = await askForEvaluation(pool, forgotten)
    if (asked !== undefined) await queues.enqueue(forgotten.location, 'sense', { sensor: forgotten.sensor, cause: 'webhook', asked, failures: 0 })
  }
}

/** Whether a job scheduler is a sensor's. */
export const isSensorScheduler = (key: string): boolean => key.startsWith(prefix)
