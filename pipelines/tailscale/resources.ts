import { resource } from 'millrace'
import { tailscaleClient } from './client.ts'
import { staleMinutesOf } from './stale.ts'

export const group = 'tailscale'

export const tailscale = resource({ start: ({ env, signal }) => tailscaleClient({ env, signal }) })

/** The client that removes devices, with credentials of its own where there are any. */
export const pruner = resource({ start: ({ env, signal }) => tailscaleClient({ env, signal, pruning: true }) })

/** Asked by each run: how long a device may be away. */
export const staleness = resource({ start: ({ env }) => ({ minutes: () => staleMinutesOf(env) }) })
