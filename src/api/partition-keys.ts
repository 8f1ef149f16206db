import * as z from 'zod'
import { changePartitionKeys, findDynamicPartitions, readPartitionKeys } from '../catalog/partition-keys.ts'
import { route } from './route.ts'

const Which = z.object({
  name: z.string().min(1).meta({ description: 'As in `dynamicPartitions(name)`.' }),
  location: z.string().optional().meta({ description: 'Needed where several locations have dynamic partitions of that name.' }),
})

const keys = z.array(z.string()).max(10_000).default([])

const listRoute = route({
  method: 'get',
  path: '/partition-keys',
  operation: 'listPartitionKeys',
  summary: 'The keys of dynamic partitions, in the order in which they were added',
  query: Which.extend({
    after: z
      .string()
      .regex(/^\d{1,18}$/, 'must be the `next` of a page')
      .default('0'),
    limit: z.coerce.number<string>().int().min(1).max(10_000).default(1000),
  }),
  response: z
    .object({
      location: z.string(),
      name: z.string(),
      keys: z.array(z.object({ key: z.string(), addedAt: z.iso.datetime() })),
      next: z.string().nullable().meta({ description: 'Pass it as `after` to go on; null where there are no more.' }),
    })
    .meta({ id: 'PartitionKeyPage' }),
  problems: [404, 409],
}).handle(async ({ query: { name, location, after, limit }, parts }) => {
  const found = await findDynamicPartitions(parts.pool, parts.locations, name, location)
  const rows = await readPartitionKeys(parts.pool, found, after, limit + 1)
  const page = rows.slice(0, limit)
  return {
    body: {
      location: found.location,
      name,
      keys: page.map(({ key, addedAt }) => ({ key, addedAt: addedAt.toISOString() })),
      next: rows.length > limit ? (page.at(-1)?.ordinal ?? null) : null,
    },
  }
})

const changeRoute = route({
  method: 'post',
  path: '/partition-keys',
  operation: 'changePartitionKeys',
  summary: 'Add and remove keys of dynamic partitions',
  description: 'What was stored for a key that is removed, and what is known of it, stays; added again it is as it was, but comes last.',
  body: z.strictObject({ ...Which.shape, add: keys, remove: keys }).meta({ id: 'PartitionKeyChange' }),
  response: z
    .object({
      location: z.string(),
      name: z.string(),
      added: z.int().meta({ description: 'Those that were not there yet.' }),
      removed: z.int().meta({ description: 'Those that were there.' }),
    })
    .meta({ id: 'PartitionKeysChanged' }),
  problems: [403, 404, 409, 415, 422],
}).handle(async ({ body: { name, location, add, remove }, parts }) => {
  const found = await findDynamicPartitions(parts.pool, parts.locations, name, location)
  return { body: { location: found.location, name, ...(await changePartitionKeys(parts.pool, found, { add, remove, by: 'api' })) } }
})

export const partitionKeyRoutes = [listRoute, changeRoute]
