import type pg from 'pg'

/** A connection keeps no more than these: the catalogue's queries are a fixed set, far below. */
const mostPlans = 200

/**
 * Lets the server keep what it made of each query with values: parsing and planning cost more than most of the catalogue's queries do.
 * The queries must name their columns: a kept plan whose columns a migration changes is refused.
 */
export function keepPlans(client: pg.ClientBase): void {
  const names = new Map<string, string>()
  const query = client.query.bind(client) as (...args: readonly unknown[]) => unknown
  const nameOf = (text: string): string | undefined => {
    const known = names.get(text)
    if (known !== undefined || names.size === mostPlans) return known
    const name = `millrace_${String(names.size)}`
    names.set(text, name)
    return name
  }
  const named = (text: unknown, values: unknown, ...rest: readonly unknown[]): unknown => {
    const name = typeof text === 'string' && Array.isArray(values) ? nameOf(text) : undefined
    return name === undefined ? query(text, values, ...rest) : query({ name, text, values }, ...rest)
  }
  Object.assign(client, { query: named })
}
