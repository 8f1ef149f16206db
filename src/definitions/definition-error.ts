/** Something a user declared cannot be: thrown while definitions load, before anything runs. */
export class DefinitionError extends Error {
  readonly code = 'DEFINITION_INVALID'
  override readonly name = 'DefinitionError'
}
