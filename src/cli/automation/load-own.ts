import type { Config } from '../../config.ts'
import type { Location } from '../../definitions/location.ts'
import { ConfigError } from '../../errors.ts'
import type { Manifest } from '../../definitions/manifest.ts'
import { loadLocations } from '../../workers/load-locations.ts'

/**
 * What your files define under a name, with its function.
 * @param what as in a sentence: `sensor`
 * @throws why the definitions do not load; ConfigError `UNKNOWN_SENSOR`, `UNKNOWN_SCHEDULE`
 */
export async function loadOwn<T>(
  config: Config,
  what: 'sensor' | 'schedule',
  { location, name }: { readonly location: string; readonly name: string },
  find: (own: Location, manifest: Manifest) => T | undefined,
): Promise<T> {
  const { loaded, broken } = await loadLocations(config.pipelines, [location], config.codeVersion)
  if (broken[0] !== undefined) throw broken[0].error
  const own = loaded[0] === undefined ? undefined : find(loaded[0].location, loaded[0].manifest)
  if (own !== undefined) return own
  throw new ConfigError(`Your files define no ${what} ${name} in the location ${location}.`, {
    code: `UNKNOWN_${what.toUpperCase()}`,
    hint: 'Run this in the project’s folder, or set MILLRACE_PIPELINES.',
  })
}
