import { InvalidArgumentError } from '@commander-js/extra-typings'
import * as z from 'zod'
import { createPool } from '../../catalog/database.ts'
import { createLocationReader } from '../../catalog/read/locations.ts'
import { findAsset } from '../../catalog/read/partitioned-asset.ts'
import { reportAsset } from '../../catalog/report-asset.ts'
import type { AssetReport } from '../../catalog/report-asset.ts'
import type { Json } from '../../definitions/json.ts'
import { readEnvironment } from '../environment.ts'
import { withCatalog } from '../with-client.ts'

/** Parses one of several entries of metadata: `rows=5`, `note=all of them`; what is JSON is taken as such. */
export function parseMetadata(text: string, all: Readonly<Record<string, Json>>): Record<string, Json> {
  const [name = '', ...rest] = text.split('=')
  if (name === '' || rest.length === 0) throw new InvalidArgumentError('Metadata is name=value.')
  const value = rest.join('=')
  try {
    return { ...all, [name]: z.json().parse(JSON.parse(value)) }
  } catch {
    return { ...all, [name]: value }
  }
}

/** Writes down that something else materialized an asset, or what was seen of it. */
export async function report(key: string, location: string | undefined, what: Omit<AssetReport, 'by'>): Promise<void> {
  const { config, logger } = readEnvironment()
  await withCatalog(config, 'assets', async (client, databaseUrl) => {
    const found = await findAsset(client, createLocationReader(), key, location)
    const pool = createPool({ url: databaseUrl, max: 1, name: 'millrace assets', logger })
    try {
      const { at, created } = await reportAsset(pool, found, { ...what, by: 'cli' })
      process.stdout.write(created ? `The ${what.kind} of ${key} is written down.\n` : `It was reported before, at ${at}: nothing has changed.\n`)
    } finally {
      await pool.end()
    }
  })
}
