import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineLocation } from '../../src/definitions/location.ts'
import { manifestOf } from '../../src/definitions/manifest.ts'
import { table } from '../../src/definitions/table.ts'
import type { WriteOptions } from '../../src/definitions/table.ts'

const columns = z.object({ id: z.int(), seenAt: z.iso.datetime(), count: z.int(), tags: z.array(z.string()), label: z.string(), isGone: z.boolean() })

function specOf(write: WriteOptions, primaryKey: string[] = ['id']) {
  const [spec] = manifestOf(defineLocation({ name: 'writes', assets: [table({ key: 'writes/rows', columns, primaryKey, write, extract: () => [] })] })).assets
  return spec?.kind === 'table' ? spec : undefined
}

test('a merge names columns by their fields, and another merge is another table to a running load', () => {
  const plain = specOf({ disposition: 'merge' })
  const full = specOf({ disposition: 'merge', newestBy: 'seenAt', deletedBy: 'isGone' })
  expect(plain?.table).toMatchObject({ disposition: 'merge', merge: {} })
  expect(full?.table.merge).toEqual({ newestBy: 'seen_at', deletedBy: 'is_gone' })
  expect(full?.fingerprint).not.toBe(plain?.fingerprint)
  expect(specOf({ disposition: 'merge', newestBy: 'count' })?.table.merge).toEqual({ newestBy: 'count' })
})

test('a snapshot and a history name the columns that publishing adds', () => {
  expect(specOf({ disposition: 'snapshot' }, [])?.table.snapshot).toEqual({ at: 'snapshot_at' })
  expect(specOf({ disposition: 'snapshot', at: 'taken_at' })?.table.snapshot).toEqual({ at: 'taken_at' })
  expect(specOf({ disposition: 'scd2' })?.table.scd2).toEqual({ from: 'valid_from', to: 'valid_to', missing: 'close' })
  const changes = specOf({ disposition: 'scd2', from: 'since', to: 'until', missing: 'keep', deletedBy: 'isGone' })
  expect(changes?.table.scd2).toEqual({ from: 'since', to: 'until', missing: 'keep', deletedBy: 'is_gone' })
})

test.each<[string, WriteOptions, string[], string]>([
  ['is a merge without a key', { disposition: 'merge' }, [], 'writes/rows is written by merge and has no primary key to go by.'],
  [
    'goes by a text',
    { disposition: 'merge', newestBy: 'label' },
    ['id'],
    'newestBy of writes/rows names label, a column of type text; it must be a time or a number.',
  ],
  [
    'goes by an array',
    { disposition: 'merge', newestBy: 'tags' },
    ['id'],
    'newestBy of writes/rows names tags, a column of type text[]; it must be a time or a number.',
  ],
  [
    'deletes by a number',
    { disposition: 'merge', deletedBy: 'count' },
    ['id'],
    'deletedBy of writes/rows names count, a column of type bigint; it must be a boolean.',
  ],
  ['names no field', { disposition: 'merge', newestBy: 'seen' }, ['id'], 'newestBy of writes/rows names "seen", which its columns do not have.'],
  ['is a history without a key', { disposition: 'scd2' }, [], 'writes/rows is written by scd2 and has no primary key to go by.'],
  ['adds a column it has', { disposition: 'snapshot', at: 'seen_at' }, [], 'writes/rows has a column seen_at itself, which publishing would add'],
  ['adds one column for both', { disposition: 'scd2', from: 'at', to: 'at' }, ['id'], 'writes/rows names one column, at, for both ends of a row’s time.'],
  ['adds no snake_case', { disposition: 'scd2', from: 'validFrom' }, ['id'], 'The column "validFrom" that writes/rows names by `from` is not in snake_case'],
])('a write that %s is refused when it loads', (_, write, primaryKey, message) => {
  expect(() => specOf(write, primaryKey)).toThrow(message)
})
