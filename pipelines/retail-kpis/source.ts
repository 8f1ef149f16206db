import { ConfigError } from 'millrace'

export interface RetailFiles {
  /**
   * The address of a day's file, from the run's configuration.
   * @param day as YYYY-MM-DD: what `{date}` stands for
   * @throws ConfigError `RETAIL_SOURCE_CSV_PATH` naming what is wrong with it, also where it names another day
   */
  readonly resolve: (sourceCsvPath: string, day: string) => URL
}

const code = 'RETAIL_SOURCE_CSV_PATH'

/** Files at whole addresses, or below the address that RETAIL_CSV_BASE_URL names. */
export function retailFiles(env: Readonly<Record<string, string | undefined>>): RetailFiles {
  const base = baseUrlOf(env['RETAIL_CSV_BASE_URL']?.trim())
  return {
    resolve: (sourceCsvPath, day) => {
      const url = addressOf(sourceCsvPath, day)
      const named = dayOf(url)
      if (named === null || named === day) return url
      // A backfill would store one day's file as every day's.
      throw new ConfigError(`source_csv_path is ${JSON.stringify(sourceCsvPath)}, the file of ${named}, and the partition is ${day}`, {
        code,
        hint: `Write {date} where the day stands, or materialize the partition ${named}.`,
      })
    },
  }

  function addressOf(sourceCsvPath: string, day: string): URL {
    const text = sourceCsvPath.trim().replaceAll('{date}', day)
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
  }
}

/** An address as it may be shown: what lets somebody in stands before the host or in the query. */
export function shownAddress(url: URL): string {
  const shown = new URL(url)
  shown.username = shown.password = shown.search = shown.hash = ''
  return shown.href
}

/** The day that an address names in its path, as YYYY-MM-DD. */
function dayOf(url: URL): string | null {
  const found = [...url.pathname.matchAll(/(?<!\d)(\d{4}-\d{2}-\d{2})(?!\d)/g)].map(([, day]) => day ?? '').filter(isDay)
  return found.at(-1) ?? null
}

function isDay(text: string): boolean {
  const time = Date.parse(`${text}T00:00:00Z`)
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text)
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
