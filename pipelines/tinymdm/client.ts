import { setTimeout as delay } from 'node:timers/promises'
import { SourceError } from 'millrace'
import type { Throttle } from 'millrace'
import { httpClient } from 'millrace/sources'
import type { HttpBytes, HttpRequest } from 'millrace/sources'
import * as z from 'zod'
import type { DeviceManager, ManagedDevice } from './device-manager.ts'
import { managedApps, managedDevice } from './tinymdm-device.ts'

/** The most that the API gives at once. */
const pageSize = 1000
const tries = 5

export interface TinymdmAccount {
  readonly accountId: string
  readonly publicKey: string
  readonly secretKey: string
}

export interface TinymdmOptions {
  readonly account: TinymdmAccount
  /** Ends in a slash. */
  readonly baseUrl: URL
  /** Requests a second, of all workers together. */
  readonly perSecond: number
  readonly throttle: Throttle
  /** The variables that hold the credentials, for messages. */
  readonly variables: string
}

const Page = z.looseObject({ results: z.array(z.unknown()), count: z.int().nonnegative() })
const Apps = z.looseObject({ results: z.array(z.unknown()) })
const Enterprise = z.looseObject({ paid_licence: z.int() })

/**
 * A client of one account of TinyMDM. Whoever uses the account, in whatever process of the location, shares its requests a second.
 * A GET and a PUT are sent again after 429 and 5xx, a POST after 429 only, for then nothing was done.
 */
export function tinymdm({ account, baseUrl, perSecond, throttle, variables }: TinymdmOptions): DeviceManager {
  const client = httpClient({
    headers: {
      'X-Tinymdm-Manager-Apikey-Public': account.publicKey,
      'X-Tinymdm-Manager-Apikey-Secret': account.secretKey,
      'X-Account-Id': account.accountId,
    },
    rateLimit: { name: `tinymdm ${account.accountId}`, perSecond },
    throttle,
    retry: { tries },
    hints: { 401: `Check ${variables}: they may be wrong or revoked.`, 403: `Check what the key of ${variables} may do.` },
  })
  const secrets = [account.publicKey, account.secretKey]
  const address = (path: string, query: Readonly<Record<string, string>> = {}): URL => {
    const url = new URL(path, baseUrl)
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
    return url
  }

  async function get<T>(schema: z.ZodType<T>, url: URL, signal: AbortSignal): Promise<T> {
    const { body } = await client.fetchBytes({ url, accept: 'application/json', secrets, signal })
    try {
      return schema.parse(JSON.parse(body.toString('utf8')))
    } catch (error) {
      throw new SourceError(`GET ${url.href} answered what is none of its answers: ${body.subarray(0, 200).toString('utf8')}`, {
        code: 'TINYMDM_ANSWER',
        hint: 'Check TINYMDM_BASE_URL: it must be the address of TinyMDM’s API.',
        cause: error,
      })
    }
  }

  const put = (path: string, body: unknown, signal: AbortSignal): Promise<HttpBytes> =>
    client.fetchBytes({ url: address(path), method: 'PUT', body: JSON.stringify(body), contentType: 'application/json', repeatable: true, secrets, signal })

  async function post(path: string, body: unknown, signal: AbortSignal): Promise<void> {
    const request: HttpRequest = {
      url: address(path),
      method: 'POST',
      // Without a body too: the API asks for it.
      headers: { 'content-type': 'application/json' },
      secrets,
      signal,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }
    for (let tried = 1; ; tried += 1) {
      try {
        await client.fetchBytes(request)
        return
      } catch (error) {
        if (!(error instanceof SourceError && error.code === 'SOURCE_RATE_LIMITED') || tried === tries) throw error
        // What the server asked for, the client has everybody wait already.
        if (error.retryAfterMs === undefined) await delay(500 * 2 ** (tried - 1), undefined, { signal })
      }
    }
  }

  const page = (groupId: string | undefined, number: number, size: number, signal: AbortSignal): Promise<z.infer<typeof Page>> =>
    get(
      Page,
      address('devices', {
        ...(groupId === undefined ? {} : { group_id: groupId }),
        per_page: String(size),
        ...(number === 1 ? {} : { page: String(number) }),
      }),
      signal,
    )

  return {
    async list(groupId, signal) {
      const devices = new Map<string, ManagedDevice>()
      const gaps: string[] = []
      let first: number | undefined
      for (let number = 1, read = 0; ; number += 1) {
        const { results, count } = await page(groupId, number, pageSize, signal)
        first ??= count
        read += results.length
        const before = devices.size + gaps.length
        for (const raw of results) {
          const device = managedDevice(raw)
          if (typeof device === 'string') gaps.push(`A device cannot be read: ${device}.`)
          else devices.set(device.id, device)
        }
        const found = devices.size + gaps.length
        if (read < count && found > before) continue
        // A device that leaves while pages are read moves those behind it one place up, and so one of them between two pages.
        if (first !== count) gaps.push(`It had ${String(first)} devices at first and ${String(count)} at last.`)
        else if (found < count) gaps.push(`Of ${String(count)} devices ${String(found)} were listed.`)
        return { devices: [...devices.values()], gaps }
      }
    },
    count: async (groupId, signal) => (await page(groupId, 1, 1, signal)).count,
    async apps(deviceId, signal) {
      try {
        return managedApps((await get(Apps, address(`devices/${encodeURIComponent(deviceId)}/apps`), signal)).results)
      } catch (error) {
        if (error instanceof SourceError && error.code === 'SOURCE_NOT_FOUND') return undefined
        throw error
      }
    },
    async licences(signal) {
      const { paid_licence: paid } = await get(Enterprise, address('enterprise/info'), signal)
      return { paid, used: (await page(undefined, 1, 1, signal)).count }
    },
    async configureUser({ userId, name, configuration }, signal) {
      await put(`users/${encodeURIComponent(userId)}`, { name, custom_field_1: configuration }, signal)
    },
    joinGroup: ({ userId, groupId }, signal) => post(`groups/${encodeURIComponent(groupId)}/users/${encodeURIComponent(userId)}`, undefined, signal),
    notify: ({ deviceId, title, message }, signal) => post('actions/message', { message, title, devices: [deviceId] }, signal),
  }
}
