import tailscale from '../../pipelines/tailscale/definitions.ts'
import { expect, test } from '../support/test.ts'

test('the current list takes each device from its latest snapshot, and keeps one that has left', async ({ database }) => {
  const device = tailscale.assets.find((one) => one.key === 'tailscale/device')
  if (device?.kind !== 'sql') throw new Error('tailscale/device is not there')
  const [monday, tuesday] = ['2026-03-02T10:00:00.000Z', '2026-03-03T10:00:00.000Z']
  await database.pool.query(
    'CREATE SCHEMA tailscale; CREATE TABLE tailscale.device_history (tailnet text, node_id text, raw_data jsonb, synced_at timestamptz)',
  )
  const history = [
    [tuesday, 'renamed', { name: 'new', lastSeen: '2026-03-03T09:00:00Z' }],
    [monday, 'renamed', { name: 'old', lastSeen: '2026-03-02T09:00:00Z' }],
    [monday, 'connected', { name: 'there', lastSeen: '2026-03-01T00:00:00Z' }],
    [tuesday, 'connected', { name: 'there' }],
    [monday, 'left', { name: 'gone', lastSeen: '2026-03-01T00:00:00Z' }],
  ] as const
  for (const [syncedAt, nodeId, raw] of history) {
    await database.pool.query('INSERT INTO tailscale.device_history VALUES ($1, $2, $3, $4)', ['example.com', nodeId, raw, syncedAt])
  }
  const { rows } = await database.pool.query<{ node_id: string }>(device.select)
  const tailnet = 'example.com'
  expect(rows.toSorted((a, b) => a.node_id.localeCompare(b.node_id))).toEqual([
    { node_id: 'connected', name: 'there', last_seen: null, tailnet, last_synced_at: new Date(tuesday) },
    { node_id: 'left', name: 'gone', last_seen: new Date('2026-03-01T00:00:00Z'), tailnet, last_synced_at: new Date(monday) },
    { node_id: 'renamed', name: 'new', last_seen: new Date('2026-03-03T09:00:00Z'), tailnet, last_synced_at: new Date(tuesday) },
  ])
})
