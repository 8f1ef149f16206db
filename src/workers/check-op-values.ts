import type * as z from 'zod'
import type { Schemas } from '../definitions/ops/op-definition.ts'
import { DataError } from '../errors.ts'
import { describeIssues } from './check-value.ts'

/**
 * The values of an op's inputs as its types make them: with their defaults, for one.
 * @throws DataError `INPUT_INVALID` that names every input that is wrong, the type that is expected, and what stands there
 */
export function parseInputs(step: string, schemas: Schemas, given: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const wrong: string[] = []
  const inputs: Record<string, unknown> = {}
  for (const [name, schema] of Object.entries(schemas)) {
    const parsed = schema.safeParse(given[name])
    if (parsed.success) {
      if (parsed.data !== undefined) inputs[name] = parsed.data
    } else {
      wrong.push(`The input ${name} of ${step} is to be ${typeName(schema)}: ${describeIssues(parsed.error.issues, given[name])}`)
    }
  }
  if (wrong.length === 0) return inputs
  throw new DataError(`${wrong.join('. ')}.`, {
    code: 'INPUT_INVALID',
    hint: 'Mend the type of the input, or the op that makes the value. Values go from step to step as JSON: a Date arrives as text.',
  })
}

/** @throws DataError `OUTPUT_INVALID` that says what is wrong, the type that is expected, and what stands there */
export function checkOutput(step: string, output: string | undefined, schema: z.ZodType, value: unknown): void {
  const parsed = schema.safeParse(value)
  if (parsed.success) return
  const what = output === undefined ? `What ${step} answered` : `The output ${output} of ${step}`
  throw new DataError(`${what} is to be ${typeName(schema)}: ${describeIssues(parsed.error.issues, value)}.`, {
    code: 'OUTPUT_INVALID',
    hint: 'Mend the function of the op, or the type of its output.',
  })
}

/** The type that a schema describes, in a word. */
function typeName(schema: z.ZodType): string {
  const { type } = schema.def
  const inner: unknown = 'innerType' in schema.def ? schema.def.innerType : undefined
  const isSchema = typeof inner === 'object' && inner !== null && 'def' in inner
  return isSchema ? typeName(inner as z.ZodType) : `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`
}
