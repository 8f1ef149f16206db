export { checkAssetKey, tableNameOf } from './definitions/asset-key.ts'
export type { TableName } from './definitions/asset-key.ts'
export { notEmpty, unique } from './definitions/check.ts'
export type { CheckOptions, CheckSpec } from './definitions/check.ts'
export { bytes, decimal, inet } from './definitions/column-types.ts'
export { DefinitionError } from './definitions/definition-error.ts'
export { destination, fromEnv } from './definitions/destination.ts'
export type { DestinationSpec, FromEnv } from './definitions/destination.ts'
export { fromNames, fromText } from './definitions/from-text.ts'
export type { FromTextOptions } from './definitions/from-text.ts'
export type { Json, JsonObject } from './definitions/json.ts'
export { defineLocation } from './definitions/location.ts'
export type { Asset, Demo, Location, LocationOptions } from './definitions/location.ts'
export type { Page, PageFormat, RawPage, RecordPage } from './definitions/page.ts'
export { mapPartitions } from './definitions/partitions/partition-mapping.ts'
export type { PartitionMapping } from './definitions/partitions/partition-mapping.ts'
export {
  cronPartitions,
  dailyPartitions,
  dynamicPartitions,
  hourlyPartitions,
  monthlyPartitions,
  multiPartitions,
  staticPartitions,
  weeklyPartitions,
} from './definitions/partitions/partitions.ts'
export type { PartitionsSpec } from './definitions/partitions/partitions-spec.ts'
export type { RateLimit, Throttle } from './definitions/rate-limit.ts'
export { resource } from './definitions/resource.ts'
export type { ClientsOf, ResourceContext, ResourceDefinition, Resources } from './definitions/resource.ts'
export type { RetryOptions } from './definitions/retry.ts'
export { schedule } from './definitions/schedule.ts'
export type { ScheduleOptions } from './definitions/schedule.ts'
export type { SchemaContract, SchemaContractOption, SchemaMode } from './definitions/schema-contract.ts'
export { sqlAsset } from './definitions/sql-asset.ts'
export type { SqlAsset, SqlAssetOptions, SqlStore } from './definitions/sql-asset.ts'
export { table } from './definitions/table.ts'
export type { TableSettings } from './definitions/table-options.ts'
export type { ExtractContext, LineContext, TableAsset, TableOptions, TransformContext, WriteOptions } from './definitions/table.ts'
export { ConfigError, DataError, MillraceError, SourceError } from './errors.ts'
