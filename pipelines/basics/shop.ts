import { ConfigError, resource, SourceError } from 'millrace'

export interface Shop {
  /** What the shop's API answers to a path. */
  readonly text: (path: string, signal: AbortSignal) => Promise<string>
}

export const shop = resource<Shop>({
  start: ({ env }) => {
    const { SHOP_URL: url, SHOP_TOKEN: token } = env
    if (url === undefined || token === undefined)
      throw new ConfigError('SHOP_URL or SHOP_TOKEN is not set', { code: 'SHOP_ENV', hint: 'Set both, or neither: then a bundled shop answers.' })
    return {
      text: async (path, signal) => {
        const response = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` }, signal })
        if (response.ok) return response.text()
        throw new SourceError(`GET ${url}${path} answered ${String(response.status)}`, { code: 'SHOP_STATUS', retryable: response.status >= 500 })
      },
    }
  },
})
