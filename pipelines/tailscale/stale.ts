import { ConfigError } from 'millrace'
import type { ListedDevice } from './client.ts'

/** 90 days. */
const defaultStaleMinutes = 129_600

/**
 * The minutes after which a device that was not seen is stale, of TAILSCALE_DEVICE_STALE_MINUTES.
 * @throws ConfigError where they are no number above 0
 */
export function staleMinutesOf(env: Readonly<Record<string, string | undefined>>): number {
  const text = env['TAILSCALE_DEVICE_STALE_MINUTES']?.trim() ?? ''
  if (text === '') return defaultStaleMinutes
  if (/^\d+(\.\d+)?$/.test(text) && Number(text) > 0) return Number(text)
  throw new ConfigError(`TAILSCALE_DEVICE_STALE_MINUTES is ${JSON.stringify(text)}, which is no number of minutes above 0`, {
    code: 'TAILSCALE_STALE_MINUTES',
    hint: `Give a number, or unset it for ${String(defaultStaleMinutes)}: 90 days.`,
  })
}

/** Those that were last seen before a moment (ISO 8601). One without a time is connected; one whose time cannot be read is not judged. */
export function staleOf(devices: readonly ListedDevice[], before: string): { readonly stale: ListedDevice[]; readonly unreadable: ListedDevice[] } {
  const stale: ListedDevice[] = []
  const unreadable: ListedDevice[] = []
  for (const device of devices) {
    if (device.lastSeen === undefined || device.lastSeen === null) continue
    const seen = typeof device.lastSeen === 'string' ? Date.parse(device.lastSeen) : NaN
    if (Number.isNaN(seen)) unreadable.push(device)
    else if (seen < Date.parse(before)) stale.push(device)
  }
  return { stale, unreadable }
}
