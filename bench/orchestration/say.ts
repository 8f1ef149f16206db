/** Prints a result. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Of sorted or unsorted numbers: their middle, and the one that 99 % are below. */
export function spread(numbers: readonly number[]): { readonly p50: number; readonly p99: number; readonly most: number } {
  const sorted = numbers.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
  return { p50: at(0.5), p99: at(0.99), most: sorted.at(-1) ?? Number.NaN }
}
