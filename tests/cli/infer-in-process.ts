import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { definitionsOf } from '../../src/cli/infer/definitions.ts'
import { inferTable } from '../../src/cli/infer/infer.ts'
import type { InferOptions } from '../../src/cli/infer/infer.ts'
import { bytes, decimal, inet } from '../../src/definitions/column-types.ts'
import { fromNames, fromText } from '../../src/definitions/from-text.ts'
import { temporaryFolder } from '../support/test.ts'

export type Transform = (record: Readonly<Record<string, unknown>>) => Record<string, unknown>

/** What the command would print of an address or file. */
export async function inferred(from: string, options: Partial<InferOptions> = {}): Promise<string> {
  const table = await inferTable({
    format: undefined,
    key: undefined,
    dialect: {},
    path: undefined,
    maxBytes: 64 * 1024 ** 2,
    maxRows: 1_000_000,
    onProgress: () => undefined,
    ...options,
    from,
  })
  return definitionsOf(table, true)
}

/** The same of a file with this content. */
export async function inferredOf(name: string, content: string | Uint8Array, options: Partial<InferOptions> = {}): Promise<string> {
  const path = join(await temporaryFolder(), name)
  await writeFile(path, content)
  return inferred(path, options)
}

/** The schema and the transform of a printed file, as values. */
export function evaluated(definitions: string): { readonly schema: z.ZodObject; readonly transform: Transform } {
  const schemaCode = /= (z\.object\(\{\n[^]*?\n\}\))/.exec(definitions)?.[1] ?? ''
  const name = /const (\w+) = z\.object/.exec(definitions)?.[1] ?? ''
  const transformCode = /\n {2}transform: ([^]*?),\n\}\)/.exec(definitions)?.[1] ?? '(row) => row'
  // What is printed is code; a test is the place to run it.
  // oxlint-disable-next-line no-implied-eval, no-new-func, typescript/no-implied-eval
  const run = new Function('z', 'decimal', 'inet', 'bytes', 'fromText', 'fromNames', `const ${name} = ${schemaCode}; return [${name}, ${transformCode}]`)
  const [schema, transform] = run(z, decimal, inet, bytes, fromText, fromNames) as [z.ZodObject, Transform]
  return { schema, transform }
}
