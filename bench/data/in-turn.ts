import { median } from '../median.ts'

/** What one way of doing it has taken, in seconds. */
export interface Timed {
  readonly median: number
  readonly fastest: number
  readonly slowest: number
}

/** Seconds of each contender, which it answers itself: one warm-up, then so many rounds of all of them in turn. */
export async function inTurn<Name extends string>(tries: number, contenders: Readonly<Record<Name, () => Promise<number>>>): Promise<Record<Name, Timed>> {
  const names = Object.keys(contenders) as Name[]
  const times = new Map<Name, number[]>(names.map((name) => [name, []]))
  for (let attempt = -1; attempt < tries; attempt += 1) {
    for (const name of names) {
      const seconds = await contenders[name]()
      if (attempt >= 0) times.get(name)?.push(seconds)
    }
  }
  return Object.fromEntries([...times].map(([name, all]) => [name, { median: median(all), fastest: Math.min(...all), slowest: Math.max(...all) }])) as Record<
    Name,
    Timed
  >
}

/** As tables of the bench print it: the median, and the span. */
export const secondsOf = ({ median: middle, fastest, slowest }: Timed): string => `${middle.toFixed(2)} (${fastest.toFixed(2)} to ${slowest.toFixed(2)})`
