import * as z from 'zod'

/** The JSON Schema of what a person or program fills in. */
export function jsonSchemaOf(
  schema: z.ZodType,
  options: Pick<NonNullable<Parameters<typeof z.toJSONSchema>[1]>, 'io' | 'unrepresentable'> = {},
): z.infer<ReturnType<typeof z.json>> {
  // Round-tripped to drop what JSON cannot say.
  return z.json().parse(JSON.parse(JSON.stringify(z.toJSONSchema(schema, { io: 'input', ...options }))))
}
