// Whether the process of this container is at work: node deploy/healthcheck.js board|producers|worker
import { hostname } from 'node:os'
import pg from 'pg'

/** The board answers that it is ready; the others prolong a lease in the catalogue as long as they live. */
async function isHealthy(role, env) {
  if (role === 'board') return (await fetch(`http://127.0.0.1:${env.PORT || 3000}/readyz`)).ok
  const client = new pg.Client({ connectionString: env.DATABASE_URL, connectionTimeoutMillis: 5000, query_timeout: 5000 })
  await client.connect()
  try {
    const { rowCount } = await client.query(
      'SELECT FROM millrace.process WHERE role = $1 AND host = $2 AND problem IS NULL AND lease_until > clock_timestamp()',
      [role, hostname()],
    )
    return rowCount > 0
  } finally {
    await client.end()
  }
}

const healthy = await isHealthy(process.argv[2], process.env).catch((error) => {
  console.error(error.message)
  return false
})
process.exit(healthy ? 0 : 1)
