import type * as z from 'zod'

/** What a schema found wrong, as a part of a sentence: what zod prints has lines of its own, whose arrows read like the hint of an error. */
export function issuesOf({ issues }: { readonly issues: readonly z.core.$ZodIssue[] }): string {
  return issues.map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`)).join('; ')
}
