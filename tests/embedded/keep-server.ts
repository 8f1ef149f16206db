// A program for the tests: starts the server in the folder given, says so as a line of JSON, and stays until it is ended.
import { MillraceError } from '../../src/errors.ts'
import { createEmbeddedPostgres } from '../../src/embedded/embedded-postgres.ts'

const [folder = '', settings = '{}'] = process.argv.slice(2)
const messages: string[] = []
const server = await createEmbeddedPostgres({ folder, durable: true, settings: JSON.parse(settings), log: (message) => messages.push(message) }).catch(
  (error: unknown) => {
    console.log(JSON.stringify({ refused: error instanceof MillraceError ? error.code : String(error) }))
    process.exit(1)
  },
)
console.log(JSON.stringify({ url: server.url, pid: server.pid, messages }))
const stay = setInterval(() => undefined, 60_000)
process.once('SIGTERM', () => {
  clearInterval(stay)
  void server.close()
})
