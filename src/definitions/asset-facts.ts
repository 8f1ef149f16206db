import { MillraceError } from '../errors.ts'
import { DefinitionError, traceOf } from './definition-error.ts'
import type { Trace } from './definition-error.ts'
import type { JsonObject } from './json.ts'
import { storedMetadata } from './metadata/fields.ts'
import type { MetadataFields } from './metadata/fields.ts'
import { anObject, aText, texts, textsByName } from './option-kinds.ts'
import type { OptionShape } from './option-shape.ts'

/** What any asset may say of itself. */
export interface AssetFactsOptions {
  readonly description?: string
  readonly group?: string
  readonly tags?: Readonly<{ [name: string]: string }>
  /** Whom to ask about it: an e-mail address, or a team. */
  readonly owners?: readonly string[]
  /** What it is made with or stored in, to be found by: `postgres`, `python`, `dashboard`. */
  readonly kinds?: readonly string[]
  /** Says which code makes it: raise it when what it makes changes. */
  readonly codeVersion?: string
  /** What is to be shown of it whether or not it was made yet: plain JSON, or values of `metadata.…`. */
  readonly metadata?: MetadataFields
}

/** Of all sorts of assets. */
export const factShape: OptionShape<AssetFactsOptions> = {
  description: aText(),
  group: aText('sales'),
  tags: textsByName("{ team: 'data' }"),
  owners: texts('team:sales'),
  kinds: texts('postgres'),
  codeVersion: aText('2'),
  metadata: anObject("{ source: 'crm' }"),
}

/** The same, read. */
export interface AssetFacts {
  readonly description: string | undefined
  readonly group: string | undefined
  readonly tags: Readonly<{ [name: string]: string }>
  readonly owners: readonly string[]
  readonly kinds: readonly string[]
  readonly codeVersion: string | undefined
  readonly metadata: JsonObject
  /** Where it was declared. */
  readonly declared: Trace
}

const owner = /^[^\s\p{C}"]{1,100}$/u
const kind = /^[a-z0-9][a-z0-9_.#-]{0,39}$/

/**
 * Reads what an asset says of itself.
 * @throws DefinitionError for an owner or kind that could not be chosen by, and for metadata that cannot be stored
 */
export function readFacts(key: string, options: AssetFactsOptions): AssetFacts {
  const { description, group, tags = {}, owners = [], kinds = [], codeVersion, metadata = {} } = options
  const noOwner = owners.find((one) => !owner.test(one))
  if (noOwner !== undefined) {
    throw new DefinitionError(
      `The owner ${JSON.stringify(noOwner)} of ${key} is none. Give an e-mail address, or a team as team:sales: no blanks and quotes, at most 100 characters.`,
    )
  }
  const noKind = kinds.find((one) => !kind.test(one))
  if (noKind !== undefined) {
    throw new DefinitionError(`The kind ${JSON.stringify(noKind)} of ${key} is none. Kinds have small letters, digits, _, ., # and -, at most 40.`)
  }
  return {
    description,
    group,
    tags,
    owners: [...new Set(owners)],
    kinds: [...new Set(kinds)],
    codeVersion,
    metadata: metadataOf(key, metadata),
    declared: traceOf(readFacts),
  }
}

function metadataOf(key: string, fields: MetadataFields): JsonObject {
  try {
    return storedMetadata(key, fields)
  } catch (error) {
    throw error instanceof MillraceError ? new DefinitionError(error.message, { cause: error }) : error
  }
}
