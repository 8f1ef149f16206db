import type { SchemaElement, SchemaTree } from 'hyparquet'
import { parquetSchema } from 'hyparquet'
import type { ParquetFormat } from '../../definitions/page.ts'
import { DataError } from '../../errors.ts'
import type { OneFile } from './origin.ts'
import { bytesOfPage } from '../../sources/page-body.ts'
import { parquet } from '../../sources/parquet.ts'
import { parseBlocks } from '../../sources/parse-blocks.ts'
import { createObserver } from './columns.ts'
import type { InferredColumn } from './columns.ts'
import { parquetCode } from './parquet-code.ts'
import type { Limits } from './read.ts'

export interface ParquetSample {
  readonly columns: readonly InferredColumn[]
  readonly names: readonly string[]
  readonly rows: number
  readonly whole: boolean
}

/**
 * Looks at Parquet. The types are those of its schema; only what is said of the values comes from the rows.
 * @throws as `parquet`; DataError `INFER_NO_ROWS`
 */
export async function readParquet(origin: OneFile, limits: Limits): Promise<ParquetSample> {
  const observer = createObserver('values')
  const notNumbers = new Set<string>()
  let format: ParquetFormat | undefined
  let bytes = 0
  let whole = true
  groups: for await (const page of parquet(origin)) {
    if (page.format.kind === 'parquet') format = page.format
    const body = bytesOfPage(page.body)
    bytes += body.length
    for await (const { records } of parseBlocks({ body, format: page.format }, { name: limits.name })) {
      for (const record of records as Record<string, unknown>[]) {
        for (const [name, value] of Object.entries(record)) if (typeof value === 'number' && !Number.isFinite(value)) notNumbers.add(name)
        if (observer.rows() < limits.rows) observer.take(record)
      }
      limits.onProgress(bytes, observer.rows())
      whole = observer.rows() < limits.rows
      if (!whole) break groups
    }
    whole = bytes < limits.bytes
    if (!whole) break
  }
  if (format === undefined) throw new DataError(`${limits.name} has no row.`, { code: 'INFER_NO_ROWS', hint: 'Give a file that has some.' })
  const root = parquetSchema({ schema: format.schema as unknown as SchemaElement[] })
  const names = root.children.map((child) => child.element.name)
  const seen = new Map(observer.columns().map((one) => [one.name, one]))
  const columns = root.children.flatMap((tree) => {
    const column = seen.get(tree.element.name)
    return column === undefined ? [] : [declared(column, tree, notNumbers.has(tree.element.name))]
  })
  return { columns, names, rows: observer.rows(), whole }
}

/** The column as the file declares it, with what was seen. */
function declared(column: InferredColumn, tree: SchemaTree, notNumbers: boolean): InferredColumn {
  const { code, kind } = parquetCode(tree)
  const nullable = tree.element.repetition_type === 'OPTIONAL'
  const remarks = notNumbers ? ['some NaN or infinite: those go to quarantine'] : []
  return {
    ...column,
    kind,
    nulls: [],
    code: `${code}${nullable ? '.nullable()' : ''}`,
    remarks: [...remarks, ...column.remarks.filter((remark) => /distinct|null|from|always/.test(remark) && !remark.includes('guess'))],
  }
}
