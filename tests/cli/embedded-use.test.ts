import pg from 'pg'
import { untilUnused, useEmbedded } from '../../src/cli/embedded-use.ts'
import { describe, expect, onTestFinished, test, waitFor } from '../support/test.ts'

describe('the command that started the embedded database', () => {
  /** Waits as that command does; what it says, and whether it may stop the database. */
  const wait = (url: string, silenceMs: number) => {
    const lines: string[] = []
    const waiting = { lines, over: false, end: Promise.resolve() }
    const go = async (): Promise<void> => {
      await untilUnused(url, { say: (line) => void lines.push(line), silenceMs })
      waiting.over = true
    }
    waiting.end = go()
    return waiting
  }

  test('waits for one that works on it, and for none that only looks at it', async ({ database }) => {
    const board = new pg.Client({ connectionString: database.url, application_name: 'millrace board' })
    await board.connect()
    onTestFinished(() => board.end())
    const release = await useEmbedded(database.url, 50)
    const waiting = wait(database.url, 60_000)
    await waitFor(() => waiting.lines.length > 0, { what: 'it to say what it waits for' })
    expect(waiting).toMatchObject({ over: false, lines: ['Another command uses the embedded database; it stops with the last of them.'] })
    await release()
    await waiting.end
    expect(waiting.lines).toHaveLength(1)
  })

  test('waits for none that gives no sign of life', async ({ database }) => {
    const frozen = await useEmbedded(database.url, 3_600_000)
    onTestFinished(frozen)
    const waiting = wait(database.url, 500)
    await waiting.end
    expect(waiting.lines.at(-1)).toBe('Another command uses the embedded database, and gave no sign of life for 0.5 s: it stops all the same.')
  })
})
