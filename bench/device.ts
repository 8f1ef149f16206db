import * as z from 'zod'

/** A record like that of the end-to-end bench: uuid, text, text[], bool, 3 × timestamptz, text, text, nullable text[], text, bigint. */
export const Device = z.object({
  id: z.uuid(),
  hostname: z.string(),
  addresses: z.array(z.string()),
  authorized: z.boolean(),
  createdAt: z.iso.datetime(),
  lastSeen: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  os: z.string(),
  clientVersion: z.string(),
  tags: z.array(z.string()).nullable(),
  user: z.string(),
  updates: z.int(),
})
