import { DataError, decimal, fromText } from 'millrace'
import * as z from 'zod'

/** The columns of the retailer's file, in order. */
export const stockColumns = [
  'Ship Mode',
  'Segment',
  'Country',
  'City',
  'State',
  'Postal Code',
  'Region',
  'Category',
  'Sub-Category',
  'Sales',
  'Quantity',
  'Discount',
  'Profit',
] as const

/** A line of the file. Amounts are decimal text, and so exact. */
const StockLine = z.object({
  shipMode: z.string(),
  segment: z.string(),
  country: z.string(),
  city: z.string(),
  state: z.string(),
  postalCode: z.string().meta({ description: 'Text: some begin with 0' }),
  region: z.string(),
  category: z.string(),
  subCategory: z.string(),
  sales: decimal(18, 6),
  quantity: z.int32(),
  discount: decimal(9, 6),
  profit: decimal(18, 6),
})

/** An operation: a line of a file, with the file's day. */
export const Operation = z.object({ date: z.iso.date(), ...StockLine.shape })
export type Operation = z.infer<typeof Operation>

const readLine = fromText(StockLine, {
  names: {
    shipMode: 'Ship Mode',
    segment: 'Segment',
    country: 'Country',
    city: 'City',
    state: 'State',
    postalCode: 'Postal Code',
    region: 'Region',
    category: 'Category',
    subCategory: 'Sub-Category',
    sales: 'Sales',
    quantity: 'Quantity',
    discount: 'Discount',
    profit: 'Profit',
  },
})

const Texts = z.record(z.string(), z.unknown())

/**
 * A record of the file as an operation of a day.
 * @throws DataError `RETAIL_LINE` naming each column that does not fit, and where the line is
 */
export function operationOf(record: unknown, date: string, locate: () => string): Operation {
  const read = { date, ...readLine(Texts.parse(record)) }
  const parsed = Operation.safeParse(read)
  if (parsed.success) return parsed.data
  const issues = parsed.error.issues.map(({ path: [column], message }) => `${String(column)}: ${message}, but is ${JSON.stringify(valueOf(read, column))}`)
  throw new DataError(`The file of ${date} has a line that is no operation, ${locate()}: ${issues.join('; ')}`, {
    code: 'RETAIL_LINE',
    hint: 'Mend the line in the retailer’s file, and materialize the day again.',
  })
}

/** Enough of it to be found. */
const valueOf = (read: object, column: PropertyKey | undefined): string => String(Object.entries(read).find(([name]) => name === column)?.[1]).slice(0, 40)
