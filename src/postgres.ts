/**
 * The address of a Postgres as the driver takes it, with `sslmode` meaning what it means to psql and every other program that libpq is in:
 * `require` encrypts, `verify-ca` looks at the certificate too, `verify-full` also at the name in it. By itself the driver takes all of
 * them for `verify-full`, and says on standard error that this will change.
 */
export function driverUrl(url: string): string {
  if (!/[?&]sslmode=/.test(url)) return url
  const address = new URL(url)
  if (!address.searchParams.has('uselibpqcompat')) address.searchParams.set('uselibpqcompat', 'true')
  return address.href
}

/** An address whose server must show a certificate of an authority: the path of its PEM file. Without a mode in it, its name is checked too. */
export function withAuthority(url: string, caFile: string): string {
  const address = new URL(url)
  address.searchParams.set('sslrootcert', caFile)
  if (!address.searchParams.has('sslmode')) address.searchParams.set('sslmode', 'verify-full')
  return address.href
}

/** The oldest PostgreSQL that our statements run on. */
export const oldestVersion = 14

/** Host and database of an address, without its user and password. */
export function placeOf(url: string): string {
  const { host, pathname } = new URL(url)
  return `${host}${pathname}`
}

/** What went wrong, in words: an error of several addresses has an empty message. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(reasonOf).join('; ')
  return error instanceof Error ? error.message || String(error) : String(error)
}
