/** Something a user declared cannot be: thrown while definitions load, before anything runs. */
export class DefinitionError extends Error {
  readonly code = 'DEFINITION_INVALID'
  override readonly name = 'DefinitionError'
  /** Of an error about one definition: where that was declared. */
  declared: Trace | undefined
  constructor(message: string, { declared, ...options }: { readonly cause?: unknown; readonly declared?: Trace | undefined } = {}) {
    super(message, options)
    this.declared = declared
  }
}

/** The stack of a call, made into text when somebody asks for it. */
export interface Trace {
  readonly stack?: string
}

/** The stack of the call of `declare`, for errors that are found when its frames are gone. */
export function traceOf(declare: (...values: never[]) => unknown): Trace {
  const trace: Trace = {}
  Error.captureStackTrace(trace, declare)
  return trace
}

/** Does what may find a definition wrong, and says in its error where that was declared. */
export function blaming<Result>(declared: Trace, work: () => Result): Result {
  try {
    return work()
  } catch (error) {
    if (error instanceof DefinitionError) error.declared ??= declared
    throw error
  }
}
