import { mkdirSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { hasPsql } from '../psql-copy.ts'
import { parts } from './parts.ts'

const help = `npm run bench -- data [PART...] [--tries 5] [--backend redis|postgres] [--rows N] [--only NAME]...
Measures loading side by side with psql and with other tools, in turn, and checks every row.
--only leaves the contenders whose names have that text in them: --only Millrace --only DuckDB.

Parts:
${parts.map(({ name, about }) => `  ${name.padEnd(12)} ${about}`).join('\n')}`

/** Measures the parts named, or all. @throws Error for a part that there is not, or whose rows differ from what was loaded */
export async function benchData(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      tries: { type: 'string', default: '5' },
      backend: { type: 'string', default: 'redis' },
      rows: { type: 'string' },
      only: { type: 'string', multiple: true, default: [] },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help === true) {
    process.stdout.write(`${help}\n`)
    return
  }
  if (!hasPsql()) throw new Error('psql is not on the PATH: install postgresql-client, it is what is measured against')
  const unknown = positionals.filter((name) => !parts.some((part) => part.name === name))
  if (unknown.length > 0) throw new Error(`There is no part ${unknown.join(', ')}.\n${help}`)
  const lines: string[] = []
  const say = (line: string): void => {
    lines.push(line)
    process.stdout.write(`${line}\n`)
  }
  for (const part of positionals.length === 0 ? parts : parts.filter(({ name }) => positionals.includes(name))) {
    say(`## ${part.name}: ${part.about}`)
    await part.measure(
      {
        tries: Number(values.tries),
        backend: values.backend === 'postgres' ? 'postgres' : 'redis',
        rows: values.rows === undefined ? undefined : Number(values.rows),
        only: values.only,
      },
      say,
    )
    say('')
  }
  const folder = new URL('../results/', import.meta.url)
  mkdirSync(folder, { recursive: true })
  writeFileSync(new URL(`data-${new Date().toISOString().replaceAll(':', '-')}.md`, folder), `${lines.join('\n')}\n`)
}
