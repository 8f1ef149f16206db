import * as z from 'zod'

/** The record that the bench moves: 12 fields. */
export const device = z.object({
  id: z.uuid(),
  hostname: z.string(),
  addresses: z.array(z.string()),
  authorized: z.boolean(),
  created: z.iso.datetime(),
  expires: z.iso.datetime(),
  lastSeen: z.iso.datetime(),
  name: z.string(),
  os: z.string(),
  tags: z.array(z.string()).nullable(),
  user: z.string(),
  bytes: z.int(),
})

/** Devices with a column that only Postgres can read: its rows go by text COPY. */
export const waitingDevice = device.extend({ wait: z.string().meta({ postgres: 'interval' }) })
