/**
 * The address of a Postgres as the driver takes it, with `sslmode` meaning what it means to psql and every other program that libpq is in:
 * `require` encrypts, `verify-ca` looks at the certificate too, `verify-full` also at the name in it. By itself the driver takes all of
 * them for `verify-full`, and says on standard error that this will change.
 * @param caFile the path of a PEM file; without a mode in the address it means `verify-full`
 */
export function driverUrl(url: string, caFile?: string): string {
  const mode = /[?&]sslmode=/.test(url)
  if (!mode && caFile === undefined) return url
  const address = new URL(url)
  if (caFile !== undefined) address.searchParams.set('sslrootcert', caFile)
  if (!mode) address.searchParams.set('sslmode', 'verify-full')
  if (!address.searchParams.has('uselibpqcompat')) address.searchParams.set('uselibpqcompat', 'true')
  return address.href
}

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
