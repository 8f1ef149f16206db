import { badRows } from './bad-rows.ts'
import { csvPart } from './csv.ts'
import { floors } from './floors.ts'
import { jsonPart } from './json.ts'
import { large } from './large.ts'
import { merge } from './merge.ts'
import type { DataPart } from './part.ts'
import { readers } from './readers.ts'
import { statistics } from './statistics.ts'
import { tablePart } from './table.ts'
import { workers } from './workers.ts'

/** Every part of `npm run bench -- data`, in the order it is measured. */
export const parts: readonly DataPart[] = [jsonPart, csvPart, tablePart, merge, badRows, statistics, workers, floors, readers, large]
