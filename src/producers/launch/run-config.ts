import * as z from 'zod'
import type { JsonObject } from '../../definitions/json.ts'
import type { AssetSpec } from '../../definitions/manifest.ts'
import { MillraceError } from '../../errors.ts'

/**
 * Checks a run's configuration against the JSON Schemas of its assets' configurations. One object serves all of them.
 * Defaults are filled in by the worker, from the definitions themselves.
 * @throws MillraceError `CONFIG_INVALID` naming every field that is wrong, and the ones there are.
 */
export function checkRunConfig(assets: readonly AssetSpec[], config: JsonObject): JsonObject {
  const known = new Set<string>()
  const problems: string[] = []
  for (const asset of assets) {
    if (asset.kind === 'sql' || asset.configSchema === undefined) continue
    const jsonSchema = z.looseObject({ properties: z.record(z.string(), z.unknown()).optional() }).parse(asset.configSchema)
    const fields = Object.keys(jsonSchema.properties ?? {})
    for (const field of fields) known.add(field)
    const own = Object.fromEntries(Object.entries(config).filter(([field]) => fields.includes(field)))
    const parsed = z.fromJSONSchema(jsonSchema as Parameters<typeof z.fromJSONSchema>[0]).safeParse(own)
    if (!parsed.success) problems.push(...parsed.error.issues.map((issue) => `${issue.path.join('.') || '(whole)'} of ${asset.key}: ${issue.message}`))
  }
  problems.push(
    ...Object.keys(config)
      .filter((field) => !known.has(field))
      .map((field) => `${field}: no asset of this run has such a setting`),
  )
  if (problems.length > 0) {
    throw new MillraceError(`The run configuration does not fit. ${problems.join('; ')}.`, {
      code: 'CONFIG_INVALID',
      hint: known.size === 0 ? 'These assets take no configuration.' : `The settings are: ${[...known].join(', ')}.`,
    })
  }
  return config
}
