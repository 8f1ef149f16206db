import { readMetadata } from '../../definitions/metadata/fields.ts'
import type { MetadataValue } from '../../definitions/metadata/index.ts'
import { html } from '../html.ts'
import type { Html } from '../html.ts'
import { lineageTable, schemaTable, valueTable } from './grids.ts'
import { assetName, jobName, runLink, webLink } from './links.ts'
import { longMarkdown } from './markdown.ts'
import { amount, longText, moment, quoted, shortText } from './scalars.ts'

/** Metadata by name, each value as its kind wants it. */
export function metadataList(metadata: Readonly<Record<string, unknown>>): Html {
  return html`<dl class="metadata">
    ${Object.entries(metadata).map(
      ([name, stored]) =>
        html`<dt>${name}</dt>
          <dd>${valueView(name, readMetadata(stored))}</dd>`,
    )}
  </dl>`
}

function valueView(name: string, metadata: MetadataValue): Html {
  switch (metadata.type) {
    case 'text':
      return longText(metadata)
    case 'markdown':
      return longMarkdown(metadata)
    case 'url':
      return webLink(metadata.value)
    case 'path':
      return quoted(metadata.value)
    case 'json':
      return html`<pre>${JSON.stringify(metadata.value, null, 2)}</pre>`
    case 'int':
    case 'float':
      return amount(metadata.value)
    case 'bool':
    case 'null':
      return shortText(String(metadata.value))
    case 'timestamp':
      return moment(metadata.value)
    case 'table':
      return valueTable(name, metadata.value)
    case 'tableSchema':
      return schemaTable(name, metadata.value)
    case 'columnLineage':
      return lineageTable(name, metadata.value)
    case 'asset':
      return assetName(metadata.value)
    case 'job':
      return jobName(metadata.value)
    case 'run':
      break
  }
  return runLink(metadata.value)
}
