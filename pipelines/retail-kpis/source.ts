import { ConfigError } from 'millrace'

export interface RetailFiles {
  /**
   * The address of a day's file, from the run's configuration.
   * @throws ConfigError naming what is wrong with it
   */
  readonly resolve: (sourceCsvPath: string, runStartedAt: string) => URL
}

const code = 'RETAIL_SOURCE_CSV_PATH'

/** Files at whole addresses, or below the address that RETAIL_CSV_BASE_URL names. */
export function retailFiles(env: Readonly<Record<string, string | undefined>>): RetailFiles {
  const base = baseUrlOf(env['RETAIL_CSV_BASE_URL']?.trim())
  return {
    resolve: (sourceCsvPath, runStartedAt) => {
      const text = sourceCsvPath.trim().replaceAll('{date}', dayBefore(runStartedAt))
      const absolute = URL.parse(text)
      if (absolute !== null && isWeb(absolute)) return absolute
      const shown = JSON.stringify(sourceCsvPath)
      if (absolute !== null) {
        throw new ConfigError(`source_csv_path is ${shown}: an address there begins with http:// or https://`, {
          code,
          hint: 'Give the whole address of the file, or its path below RETAIL_CSV_BASE_URL.',
        })
      }
      if (base === undefined) {
        throw new ConfigError(`source_csv_path is ${shown}, a path, but RETAIL_CSV_BASE_URL is not set`, {
          code,
          hint: 'Give a whole address like https://example.com/2023-08-02/stock.csv, or set RETAIL_CSV_BASE_URL to the address of the folder.',
        })
      }
      const url = URL.parse(text, base.href)
      // The path comes from whoever starts a run; only the folder that was configured is open to them.
      if (text !== '' && url !== null && url.origin === base.origin && url.protocol === base.protocol && url.pathname.startsWith(base.pathname)) return url
      throw new ConfigError(`source_csv_path is ${shown}, which is no path below RETAIL_CSV_BASE_URL`, { code, hint: 'Give one like {date}/stock.csv.' })
    },
  }
}

/** The day that an address names in its path, as YYYY-MM-DD. */
export function dayOf(url: URL): string | null {
  const found = [...url.pathname.matchAll(/(?<!\d)(\d{4}-\d{2}-\d{2})(?!\d)/g)].map(([, day]) => day ?? '').filter(isDay)
  return found.at(-1) ?? null
}

function isDay(text: string): boolean {
  const time = Date.parse(`${text}T00:00:00Z`)
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text)
}

/** The retailer's file of a day is complete when the day is over (UTC). */
function dayBefore(time: string): string {
  return new Date(Date.parse(time) - 24 * 60 * 60 * 1000).toISOString().slice(0, 10)
}

function isWeb(url: URL): boolean {
  return url.protocol === 'http:' || url.protocol === 'https:'
}

function baseUrlOf(text: string | undefined): URL | undefined {
  if (text === undefined || text === '') return undefined
  const url = URL.parse(text.endsWith('/') ? text : `${text}/`)
  if (url !== null && (isWeb(url) || url.protocol === 'file:')) return url
  throw new ConfigError('RETAIL_CSV_BASE_URL is no address that begins with http://, https:// or file://', {
    code: 'RETAIL_CSV_BASE_URL_INVALID',
    hint: 'Give the address of the folder that holds {date}/stock.csv.',
  })
}
