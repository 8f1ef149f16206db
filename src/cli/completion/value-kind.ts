/** What is looked up while a person types. */
export const valueKinds = ['assets', 'groups', 'locations', 'runs', 'schedules'] as const
export type ValueKind = (typeof valueKinds)[number]

/** What an option's value or an argument is: looked up, one of some words, a file, or nothing that could be known. */
export type ValueSource = { readonly kind: ValueKind | 'files' | 'unknown' } | { readonly kind: 'words'; readonly words: readonly string[] }

/** By the names that options and arguments have throughout the command line. */
const sources: Readonly<Record<string, ValueKind | 'files'>> = {
  assets: 'assets',
  asset: 'assets',
  key: 'assets',
  selection: 'assets',
  group: 'groups',
  location: 'locations',
  run: 'runs',
  id: 'runs',
  schedule: 'schedules',
  'url|file': 'files',
  folder: 'files',
}

export function valueSource(name: string, choices: readonly string[] | undefined): ValueSource {
  return choices === undefined ? { kind: sources[name] ?? 'unknown' } : { kind: 'words', words: choices }
}
