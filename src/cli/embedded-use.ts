import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { driverUrl } from '../postgres.ts'

/** How the database knows the one connection that each command keeps while it works on somebody else's embedded database. */
const useName = 'millrace uses the embedded database'
/** How often such a command gives a sign of life, in ms; */
const usualBeatMs = 1000
/** and how long it may be silent: one that was stopped would else be waited for for ever. Loading definitions on a slow machine takes some of it. */
const usualSilenceMs = 30_000
const lookMs = 200

/**
 * Says to the command that started the embedded database that this one works on it too, from its first look until all of it has stopped.
 * @returns what takes that back
 * @throws where the database does not answer
 */
export async function useEmbedded(url: string, beatMs = usualBeatMs): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: driverUrl(url), application_name: useName, connectionTimeoutMillis: 10_000 })
  client.on('error', () => undefined)
  await client.connect()
  // Where the connection is lost, whatever else the command does says so.
  const beat = (): unknown => client.query('SELECT 1').catch(() => undefined)
  const timer = setInterval(beat, beatMs)
  return async () => {
    clearInterval(timer)
    await client.end().catch(() => undefined)
  }
}

export interface UnusedOptions {
  readonly say: (line: string) => void
  readonly silenceMs?: number
}

/**
 * Waits until no other command works on the embedded database that this one started. Whoever only looks at it (a board, a list of runs) is not waited for, nor whoever
 * gives no sign of life.
 */
export async function untilUnused(url: string, { say, silenceMs = usualSilenceMs }: UnusedOptions): Promise<void> {
  const client = new pg.Client({ connectionString: driverUrl(url) })
  client.on('error', () => undefined)
  await client.connect()
  try {
    for (let said = false; ; said = true) {
      const { rows } = await client.query<{ silent: boolean }>(
        `SELECT state_change < clock_timestamp() - $2 * interval '1 ms' AS silent FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1`,
        [useName, silenceMs],
      )
      if (rows.every(({ silent }) => silent)) {
        if (rows.length > 0)
          say(`Another command uses the embedded database, and gave no sign of life for ${String(silenceMs / 1000)} s: it stops all the same.`)
        return
      }
      if (!said) say('Another command uses the embedded database; it stops with the last of them.')
      await sleep(lookMs)
    }
  } finally {
    await client.end()
  }
}
