import type { SpoolPlace } from '../config.ts'
import type { Spool } from './spool.ts'

/** Opens the spool at a place. Nothing is asked of the storage yet. */
export async function openSpool(place: SpoolPlace): Promise<Spool> {
  if (place.kind === 'files') return (await import('./file-spool.ts')).createFileSpool(place.folder)
  if (place.kind === 'redis') return (await import('./redis-spool.ts')).createRedisSpool(place)
  return (await import('./s3-spool.ts')).createS3Spool(place)
}
