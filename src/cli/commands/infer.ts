import { Command, InvalidArgumentError, Option } from '@commander-js/extra-typings'
import { wholeNumber } from '../argument.ts'
import { definitionsOf } from '../infer/definitions.ts'
import { formats } from '../infer/format.ts'
import { inferTable } from '../infer/infer.ts'
import { createStandardOutput } from '../standard-output.ts'

const examples = `
Reads CSV, JSON (an array, or an object with one inside), JSON lines and Parquet, also packed with gzip or zstd. What it prints goes to
standard output, with comments on what was seen; values that may be somebody's secret are not printed.

Examples:
  millrace infer stock.csv
  millrace infer https://example.com/orders.json --path data.orders --name shop/orders
  millrace infer stock.csv --definitions > pipelines/stock/definitions.ts && millrace materialize files/stock`

const units: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }

/** `500`, `64m`, `1GiB`. */
function byteCount(text: string): number {
  const found = /^(\d{1,9})\s*([kmg]?)(?:i?b)?$/i.exec(text.trim())
  const bytes = Number(found?.[1] ?? 0) * (units[found?.[2]?.toLowerCase() ?? ''] ?? 0)
  if (bytes < 1024 || bytes > 1024 ** 3) throw new InvalidArgumentError('It is no size from 1k to 1g.')
  return bytes
}

function oneCharacter(text: string): string {
  const delimiter = text === 'tab' || text === '\\t' ? '\t' : text
  if (!/^[\t\x20-\x7e]$/.test(delimiter) || delimiter === '"') throw new InvalidArgumentError('It is one ASCII character other than a quote, or the word tab.')
  return delimiter
}

export function inferCommand() {
  return new Command('infer')
    .description('Print the zod schema and the table that an address or file would be, ready to paste.')
    .argument('<url|file>', 'what to look at')
    .option('--name <schema/table>', 'the asset key; files/<name of the file> by default')
    .option('--definitions', 'print a whole definitions file, which `millrace materialize` runs as it is')
    .addOption(new Option('--format <format>', 'if it is not to be told by the first bytes').choices(formats))
    .option('--delimiter <character>', 'of CSV: one character, or tab; guessed by default', oneCharacter)
    .option('--no-header', 'of CSV: the first line is a row (guessed by default)')
    .option('--path <names>', 'of JSON: where the array of records is, joined by dots', (text) => text.split('.'))
    .option('--bytes <size>', 'how much to read at most, decompressed', byteCount, 64 * 1024 ** 2)
    .option('--rows <number>', 'how many rows to look at at most', wholeNumber, 10_000_000)
    .addHelpText('after', examples)
    .action(async (from, { name, definitions, format, delimiter, header, path, bytes, rows }) => {
      const table = await inferTable({
        from,
        format,
        key: name,
        dialect: { ...(delimiter === undefined ? {} : { delimiter }), ...(header ? {} : { header: false }) },
        path,
        maxBytes: bytes,
        maxRows: rows,
        onProgress: progress(),
      })
      await createStandardOutput().write(definitionsOf(table, definitions === true))
    })
}

/** Every so many milliseconds a long reading says how far it is. */
const everyMs = 2000

function progress(): (bytes: number, rows: number) => void {
  let last = performance.now()
  return (bytes, rows) => {
    if (performance.now() - last < everyMs) return
    last = performance.now()
    process.stderr.write(`${(bytes / 1024 ** 2).toFixed(1)} MiB read${rows === 0 ? '' : `, ${String(rows)} rows looked at`}\n`)
  }
}
