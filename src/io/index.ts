export { jsonFiles } from './json-files.ts'
export type { JsonFilesOptions } from './json-files.ts'
