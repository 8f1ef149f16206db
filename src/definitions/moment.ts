/** A moment as people read it, in terminals and in sentences: `2026-11-21 10:00:00 UTC`. Programs get ISO. @param at milliseconds since 1970, or ISO in UTC */
export function moment(at: number | string): string {
  return `${(typeof at === 'number' ? new Date(at).toISOString() : at).slice(0, 19).replace('T', ' ')} UTC`
}
