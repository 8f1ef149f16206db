import { ConfigError } from '../../errors.ts'
import type { CsvDialect } from '../../definitions/page.ts'
import type { CsvFormat } from './csv.ts'

/** A dialect in the words of csv-parse. The text is looked at, since telling NULL from a quoted "NULL" costs a call per value. */
export function parserOptions(format: CsvFormat, text: string) {
  const { delimiter = ',', comment, nullText, trim, shortRows, longRows } = format
  const quote = format.quote === undefined ? '"' : format.quote
  return {
    columns: [...format.columns],
    delimiter,
    quote,
    escape: format.escape ?? quote,
    record_delimiter: format.lineBreak === 'cr' ? ['\r'] : ['\r\n', '\n'],
    skip_empty_lines: true,
    ...(comment === undefined ? {} : { comment, comment_no_infix: true }),
    ...(trim === true ? { trim } : {}),
    ...(shortRows === 'fill' ? { relax_column_count_less: true } : {}),
    ...(longRows === 'cut' ? { relax_column_count_more: true } : {}),
    ...(nullText === undefined || !text.includes(nullText)
      ? {}
      : { cast: (value: string, { quoting }: { readonly quoting: boolean }) => (value === nullText && !quoting ? null : value) }),
  }
}

/** The parts of a dialect that depart from the default, to travel with every page. @throws ConfigError `CSV_DELIMITER`, `CSV_DIALECT` */
export function dialectOf(options: CsvDialect, name: string): CsvDialect {
  const { delimiter, quote, escape, comment, nullText, trim, lineBreak, shortRows, longRows } = options
  if (delimiter !== undefined && (!isCharacter(delimiter) || delimiter === (quote === undefined ? '"' : quote))) {
    throw new ConfigError(`The delimiter ${JSON.stringify(delimiter)} of ${name} is not one ASCII character other than a quote`, {
      code: 'CSV_DELIMITER',
      hint: 'Use one like , or ; or \\t.',
    })
  }
  const characters = Object.entries({ quote, escape, comment }).filter(([, character]) => typeof character === 'string')
  for (const [role, character] of characters) {
    if (!isCharacter(character ?? '')) throw wrongDialect(`${role} ${JSON.stringify(character)}`, name)
  }
  if (comment !== undefined && [delimiter ?? ',', quote === undefined ? '"' : quote].includes(comment)) {
    throw wrongDialect(`comment ${JSON.stringify(comment)}, which is its delimiter or quote as well,`, name)
  }
  return {
    ...(delimiter === undefined || delimiter === ',' ? {} : { delimiter }),
    ...(quote === undefined || quote === '"' ? {} : { quote }),
    ...(escape === undefined || escape === (quote ?? '"') ? {} : { escape }),
    ...(comment === undefined ? {} : { comment }),
    ...(nullText === undefined ? {} : { nullText }),
    ...(trim === true ? { trim } : {}),
    ...(lineBreak === 'cr' ? { lineBreak } : {}),
    ...(shortRows === 'fill' ? { shortRows } : {}),
    ...(longRows === 'cut' ? { longRows } : {}),
  }
}

/** One of ASCII, but for NUL and line ends. */
function isCharacter(text: string): boolean {
  const code = text.charCodeAt(0)
  return text.length === 1 && code > 0 && code < 0x80 && text !== '\n' && text !== '\r'
}

function wrongDialect(what: string, name: string): ConfigError {
  return new ConfigError(`The ${what} of ${name} is not one ASCII character of its own`, {
    code: 'CSV_DIALECT',
    hint: 'Delimiter, quote and comment are one character each, and three different ones; leave out what the file does not have.',
  })
}
