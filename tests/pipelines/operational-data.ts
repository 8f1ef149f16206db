import type { Throttle } from '../../src/definitions/rate-limit.ts'
import * as z from 'zod'
import retail from '../../pipelines/retail-kpis/definitions.ts'
import { parsePage } from '../../src/sources/parse-page.ts'
import type { RawPage } from '../../src/definitions/page.ts'
import { bytesOf } from '../support/page-body.ts'

const Row = z.looseObject({
  date: z.string().nullable(),
  sales: z.string(),
  quantity: z.number(),
  discount: z.string(),
  profit: z.string(),
  postalCode: z.string(),
})

/** The rows of `retail/operational_data`: its own extract and transform, each row checked against its columns. */
export async function operationalData(
  sourceCsvPath: string | undefined,
  env: Readonly<Record<string, string>> = {},
  runStartedAt = new Date().toISOString(),
): Promise<z.infer<typeof Row>[]> {
  const [asset] = retail.assets
  if (asset?.kind !== 'table' || asset.config === undefined) throw new Error('the table is not there')
  const { signal } = new AbortController()
  const config = asset.config.parse(sourceCsvPath === undefined ? {} : { source_csv_path: sourceCsvPath })
  const unlimited: Throttle = { turn: () => Promise.resolve(), pause: () => Promise.resolve() }
  const resources = { retail: await retail.resources['retail']?.start({ env, signal, throttle: unlimited }) }
  const context = { config, resources, signal, runStartedAt, runId: 'run', position: undefined, idempotencyKey: 'key', log: () => undefined }
  const rows: z.infer<typeof Row>[] = []
  for await (const page of asset.extract(context as never) as AsyncIterable<RawPage>) {
    for (const record of parsePage({ ...page, body: bytesOf(page.body) }).records) {
      rows.push(Row.parse(asset.columns.parse(asset.transform?.(record as never, { config, runId: 'run', runStartedAt, page: page.extra } as never))))
    }
  }
  return rows
}

/** The exact sum of decimal numbers as text, without zeros at its end. */
export function exactSum(amounts: readonly string[]): string {
  const places = 12
  const total = amounts.reduce((sum, amount) => {
    const [, sign, whole = '', fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(amount) ?? []
    const value = BigInt(whole + fraction.padEnd(places, '0'))
    return sign === '-' ? sum - value : sum + value
  }, 0n)
  const digits = String(total < 0n ? -total : total).padStart(places + 1, '0')
  return `${total < 0n ? '-' : ''}${digits.slice(0, -places)}.${digits.slice(-places)}`.replace(/\.?0+$/, '')
}
