import { deflateSync } from 'node:zlib'
import type { ExternalProcessOptions, ProcessContext } from './process-options.ts'

/** The context of a script, with the fields that the protocol names. */
export interface PipesContextData {
  readonly asset_keys: readonly string[] | null
  readonly code_version_by_asset_key: Readonly<Record<string, string | null>> | null
  readonly provenance_by_asset_key: Readonly<Record<string, null>> | null
  readonly partition_key: string | null
  readonly partition_key_range: { readonly start: string; readonly end: string } | null
  readonly partition_time_window: { readonly start: string; readonly end: string } | null
  readonly run_id: string
  readonly job_name: string | null
  readonly retry_number: number
  readonly extras: object
}

export function contextData(context: ProcessContext, { assetKeys, extras = {} }: Pick<ExternalProcessOptions, 'assetKeys' | 'extras'>): PipesContextData {
  const keys = assetKeys ?? (context.assetKey === undefined ? undefined : [context.assetKey])
  const byKey = <T>(of: (key: string) => T): Record<string, T> | null => (keys === undefined ? null : Object.fromEntries(keys.map((key) => [key, of(key)])))
  return {
    asset_keys: keys ?? null,
    code_version_by_asset_key: byKey((key) => (key === context.assetKey ? (context.codeVersion ?? null) : null)),
    provenance_by_asset_key: byKey(() => null),
    ...partitionFields(context.partition),
    run_id: context.runId,
    job_name: context.jobName ?? null,
    retry_number: context.attempt - 1,
    extras,
  }
}

function partitionFields(partition: ProcessContext['partition']): Pick<PipesContextData, 'partition_key' | 'partition_key_range' | 'partition_time_window'> {
  if (partition === undefined) return { partition_key: null, partition_key_range: null, partition_time_window: null }
  const { key, window } = partition
  return {
    partition_key: key,
    partition_key_range: { start: key, end: key },
    partition_time_window: window === undefined ? null : { start: window.start.toISOString(), end: window.end.toISOString() },
  }
}

/** How the protocol writes parameters into a variable of the environment: base64 of zlib of JSON. */
export function encodeParameters(parameters: object): string {
  return deflateSync(JSON.stringify(parameters)).toString('base64')
}
