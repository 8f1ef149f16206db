import type { PageFormat } from '../definitions/page.ts'

/** A line, row or element by itself as the body of a page of its format. */
export function pageOfLine(line: string | Uint8Array, format: PageFormat): { readonly body: Uint8Array; readonly format: PageFormat } {
  const [before, after] = format.kind === 'json' ? ['[', ']'] : ['', format.kind === 'csv' && format.lineBreak === 'cr' ? '\r' : '\n']
  const body = Buffer.concat([Buffer.from(before), Buffer.from(line), Buffer.from(after)])
  // What was an element of an array within a document is one of this array.
  return { body, format: format.kind === 'json' ? { kind: 'json' } : format }
}
