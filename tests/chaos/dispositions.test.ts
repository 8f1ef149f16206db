import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describe, expect, test } from '../support/test.ts'
import { runCell } from './cells.ts'
import { startCluster } from './cluster.ts'
import type { Cluster } from './cluster.ts'
import { narrower, ways, wider, writtenIn } from './ways.ts'

const page = fileURLToPath(new URL('../../docs/dispositions.md', import.meta.url))
const columns = ['the same again', 'killed', 'a newer run beside it', 'an older run ends later', 'a column more', 'another type'] as const
const table = new Map<string, Partial<Record<(typeof columns)[number], string>>>()

function note(way: string, column: (typeof columns)[number], outcome: string): void {
  table.set(way, { ...table.get(way), [column]: outcome })
}

/** The page, with what this suite has just seen. */
function pageOf(): string {
  const rows = ways.map(({ name }) => `| ${[name, ...columns.map((column) => table.get(name)?.[column] ?? '')].join(' | ')} |`)
  return `# What becomes of a table

Written by \`tests/chaos/dispositions.test.ts\`, which tries each cell and fails where the table says otherwise. \`UPDATE_DOCS=1 npx vitest run tests/chaos/dispositions.test.ts\` writes it anew.

Each source gives three rows, marked with the run that asked: \`3 a\` are three rows of run a. What the words promise is in [exactly-once.md](exactly-once.md).

| written by | ${columns.join(' | ')} |
| --- | ${columns.map(() => '---').join(' | ')} |
${rows.join('\n')}

- **the same again**: run a, then a second one whose source gives the very same rows.
- **killed**: the load worker is killed (SIGKILL) between applying the rows and committing them; another takes over. Every row of the run is compared by checksum.
- **a newer run beside it**: run b begins, and a publishes before b ends.
- **an older run ends later**: run a begins, b begins after it and publishes first, then a ends.
- **a column more**: the definition gets a column that may be NULL; run b is under the new one.
- **another type**: the definition says \`bigint\` where the table has \`text\`; run b is under the new one.
`
}

describe('each way of writing a table', () => {
  let engine: Engine
  let cluster: Cluster
  beforeAll(async () => {
    engine = await startEngine({ backend: 'postgres' })
    return engine.stop
  })

  test('a whole installation starts', { timeout: 120_000 }, async () => {
    cluster = await startCluster({ backend: 'postgres' })
  })

  for (const [index, way] of ways.entries()) {
    const key = (name: string): string => `${name}/t${String(index)}`

    test(`${way.name}: the same again`, async () => {
      const written = await writtenIn(engine, key('again'), way)
      expect(await written.run('a')).toBe('succeeded')
      const before = await written.holds()
      expect(before).toBe('3 a')
      await written.run('a')
      note(way.name, 'the same again', `${before}, then ${await written.holds()}`)
    })

    test(`${way.name}: killed`, { timeout: 120_000 }, async () => {
      await runCell(cluster, 'publish.applied', 'kill', [way.struck])
      note(way.name, 'killed', 'every row once')
    })

    test(`${way.name}: beside a newer run`, async () => {
      const written = await writtenIn(engine, key('beside'), way)
      let newer: Promise<string> | undefined
      const begun = Promise.withResolvers<void>()
      const done = Promise.withResolvers<void>()
      const older = await written.run('a', async () => {
        newer = written.run('b', () => {
          begun.resolve()
          return done.promise
        })
        await begun.promise
      })
      done.resolve()
      note(way.name, 'a newer run beside it', `${await written.holds()} (a ${older}); then b ${(await newer) ?? ''}: ${await written.holds()}`)
    })

    test(`${way.name}: after a newer run`, async () => {
      const written = await writtenIn(engine, key('after'), way)
      let newer = ''
      const older = await written.run('a', async () => {
        if (newer === '') newer = await written.run('b')
      })
      note(way.name, 'an older run ends later', `b ${newer}; then a ${older}: ${await written.holds()}`)
    })

    test(`${way.name}: other columns`, async () => {
      const written = await writtenIn(engine, key('changed'), way)
      await written.run('a')
      await written.redefine(wider, 'v2')
      note(way.name, 'a column more', `${await written.run('b')}: ${await written.holds()}`)
      const before = await written.holds()
      await written.redefine(narrower, 'v3')
      const refused = await written.run('c')
      expect(await written.holds(), 'nothing is changed').toBe(before)
      note(way.name, 'another type', refused)
    })
  }

  test('does what docs/dispositions.md says', ({ skip }) => {
    const whole = ways.every(({ name }) => columns.every((column) => table.get(name)?.[column] !== undefined))
    skip(!whole, 'not every cell was tried, or one of them failed')
    const text = pageOf()
    if (process.env['UPDATE_DOCS'] === '1') writeFileSync(page, text)
    expect(existsSync(page) ? readFileSync(page, 'utf8') : '').toBe(text)
  })
})
