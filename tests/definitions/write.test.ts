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

test.each<[string, WriteOptions, string[], string]>([
  ['has no key', { disposition: 'merge' }, [], 'writes/rows is written by merge and has no primary key to merge by.'],
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
])('a merge that %s is refused when it loads', (_, write, primaryKey, message) => {
  expect(() => specOf(write, primaryKey)).toThrow(message)
})
