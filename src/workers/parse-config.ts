import type { JsonObject } from '../definitions/json.ts'
import { configOfAssetStep } from '../definitions/ops/job-config.ts'
import type { FunctionAsset } from '../definitions/function-asset.ts'
import type { TableAsset } from '../definitions/table.ts'
import { MillraceError } from '../errors.ts'

/**
 * The part of a run's configuration that is for an asset, or an op, and that its schema names, checked, with defaults filled in.
 * @throws MillraceError `CONFIG_INVALID` naming every field that is wrong
 */
export function parseConfig(asset: Pick<TableAsset | FunctionAsset, 'key' | 'config'>, runConfig: JsonObject): unknown {
  const config = configOfAssetStep(runConfig, asset.key, asset.config)
  if (asset.config === undefined) return config
  const parsed = asset.config.safeParse(config)
  if (parsed.success) return parsed.data
  const wrong = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(whole)'}: ${issue.message}`).join('; ')
  throw new MillraceError(`The run configuration does not fit ${asset.key}. ${wrong}.`, {
    code: 'CONFIG_INVALID',
    hint: 'Launch the run again with the fields set right.',
  })
}
