import { DefinitionError } from './definition-error.ts'
import { aText } from './option-kinds.ts'
import { refuseWrongValue } from './option-shape.ts'

const part = /^[A-Za-z_][A-Za-z0-9_-]*$/

/** The longest identifier that Postgres keeps whole, in bytes (NAMEDATALEN - 1). */
export const longestIdentifier = 63

/**
 * Checks an asset key: parts of letters, digits, `_` and `-`, joined by `/`, at least two for an asset stored as a table.
 * @throws DefinitionError `DEFINITION_INVALID` when it is not one.
 */
export function checkAssetKey(key: string): void {
  refuseWrongValue('An asset key', key, aText('shop/orders'))
  const parts = key.split('/')
  const wrong = parts.find((one) => !part.test(one))
  if (wrong !== undefined) {
    throw new DefinitionError(
      `The asset key ${JSON.stringify(key)} has the part ${JSON.stringify(wrong)}: each part starts with a letter or _ and goes on with letters, digits, _ or -. Rename the asset.`,
    )
  }
}

// Postgres takes no schema of its own prefix; in ours, staging and ledgers would be in the way.
const reservedSchema = /^(?:pg_.*|information_schema|millrace|millrace_load|millrace_staging|bullmq)$/

/** Where an asset is stored: a table in a schema of the destination. */
export interface TableName {
  readonly schema: string
  readonly name: string
}

/**
 * The table that an asset key names: `a/b` is table `b` in schema `a`; of more parts the schema is all but the last, joined by `_`; of one part the schema is `public`.
 * @param given `schema.table`, where the asset says another than its key
 * @throws DefinitionError when a name is longer than Postgres keeps, or what is given is no name.
 */
export function tableNameOf(key: string, given?: string): TableName {
  checkAssetKey(key)
  const { schema, name } = given === undefined ? namedByKey(key) : givenName(key, given)
  for (const identifier of [schema, name]) {
    if (Buffer.byteLength(identifier) > longestIdentifier) {
      throw new DefinitionError(
        `The asset ${key} would be stored as ${schema}.${name}, but Postgres keeps only ${String(longestIdentifier)} bytes of a name. Choose a shorter key or give \`tableName\`.`,
      )
    }
  }
  if (reservedSchema.test(schema)) {
    throw new DefinitionError(
      `The asset ${key} would be stored in the schema ${schema}, which belongs to Postgres or to Millrace itself. Choose another ${given === undefined ? 'key' : '`tableName`'}.`,
    )
  }
  return { schema, name }
}

function namedByKey(key: string): TableName {
  const parts = key.split('/').map((one) => one.replaceAll('-', '_').toLowerCase())
  return { schema: parts.length === 1 ? 'public' : parts.slice(0, -1).join('_'), name: parts.at(-1) ?? key }
}

function givenName(key: string, given: string): TableName {
  const [, schema, name] = /^([a-z_][a-z0-9_]*)\.([a-z_][a-z0-9_]*)$/.exec(given) ?? []
  if (schema !== undefined && name !== undefined) return { schema, name }
  throw new DefinitionError(`The \`tableName\` of ${key} is ${JSON.stringify(given)}. Write it as schema.table, in small letters, digits and _.`)
}
