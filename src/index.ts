export { checkAssetKey, tableNameOf } from './definitions/asset-key.ts'
export type { TableName } from './definitions/asset-key.ts'
export type { Condition } from './definitions/automation/condition.ts'
export { eager, onCron, onMissing, when } from './definitions/automation/conditions.ts'
export type { CronOptions, DepsOptions, WindowOptions } from './definitions/automation/conditions.ts'
export { customSql, fresh, inRange, notEmpty, notNull, references, rowCountBetween, schemaUnchanged, unique } from './definitions/check.ts'
export type { Bound, TableCheckOptions } from './definitions/check.ts'
export type { CheckOptions } from './definitions/check-settings.ts'
export type { CheckSpec, TableCheckSpec } from './definitions/check-spec.ts'
export { bytes, decimal, inet } from './definitions/column-types.ts'
export { DefinitionError } from './definitions/definition-error.ts'
export { destination, fromEnv } from './definitions/destination.ts'
export type { DestinationSpec, FromEnv } from './definitions/destination.ts'
export type { AssetReference, Dependency } from './definitions/dependency.ts'
export type { AssetFactsOptions } from './definitions/asset-facts.ts'
export { externalAsset } from './definitions/external-asset.ts'
export type { ExternalAsset, ExternalAssetOptions } from './definitions/external-asset.ts'
export { asset, output, partitionsOf } from './definitions/function-asset.ts'
export type {
  Answer,
  FunctionAsset,
  FunctionAssetOptions,
  FunctionContext,
  Inputs,
  Output,
  OutputOptions,
  PartitionsInput,
  ValuesOf,
} from './definitions/function-asset.ts'
export { check } from './definitions/function-check.ts'
export type { CheckAnswer, CheckContext, CheckReport, FunctionCheck, FunctionCheckOptions } from './definitions/function-check.ts'
export { fromNames, fromText } from './definitions/from-text.ts'
export type { FromTextOptions } from './definitions/from-text.ts'
export { hook, notify } from './definitions/hook.ts'
export type { Hook, HookAnswer, HookContext, HookOptions, HookUse, NotifyOptions } from './definitions/hook.ts'
export type { IoContext, IoManager, ValuePlace } from './definitions/io-manager.ts'
export type { Json, JsonObject } from './definitions/json.ts'
export { defineLocation } from './definitions/location.ts'
export type { Asset, Demo, Location, LocationOptions } from './definitions/location.ts'
export type { Log, LogLine } from './definitions/log.ts'
export type { Observation, Observe } from './definitions/observe.ts'
export type { MetadataFields } from './definitions/metadata/fields.ts'
export { metadata } from './definitions/metadata/index.ts'
export type { MetadataValue } from './definitions/metadata/index.ts'
export { multiAsset } from './definitions/multi-asset.ts'
export type { AssetOutputOptions, MultiAsset, MultiAssetOptions, MultiContext } from './definitions/multi-asset.ts'
export type { Notification, NotificationRequest, Notifier, Notifiers, SendContext } from './definitions/notification.ts'
export type { Page, PageFormat, RawPage, RecordPage } from './definitions/page.ts'
export { mapPartitions } from './definitions/partitions/partition-mapping.ts'
export type { PartitionMapping } from './definitions/partitions/partition-mapping.ts'
export type { Partition, PartitionsToFetch } from './definitions/partitions/partition.ts'
export type { PartitionsSpec } from './definitions/partitions/partitions-spec.ts'
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
export type { TimeWindow } from './definitions/partitions/time-partitions.ts'
export type { RateLimit, Throttle } from './definitions/rate-limit.ts'
export type { PoolOptions } from './definitions/pool.ts'
export { resource } from './definitions/resource.ts'
export type { ClientsOf, ResourceContext, ResourceDefinition, Resources } from './definitions/resource.ts'
export type { RetryOptions } from './definitions/retry.ts'
export { graphAsset } from './definitions/ops/graph-asset.ts'
export type { GraphAssetOptions } from './definitions/ops/graph-asset.ts'
export { graph } from './definitions/ops/graph.ts'
export type { Graph, GraphOptions } from './definitions/ops/graph.ts'
export { job } from './definitions/ops/job.ts'
export type { Job, JobOptions } from './definitions/ops/job.ts'
export { mapOver } from './definitions/ops/map-over.ts'
export type { Collected, Mapped } from './definitions/ops/map-over.ts'
export { op } from './definitions/ops/op.ts'
export type { Op, OpOptions } from './definitions/ops/op.ts'
export type { Ref } from './definitions/ops/ref.ts'
export type { FailureFacts, MaterializationFacts, RunFacts, StepFacts } from './definitions/run-facts.ts'
export type { RunLimits, RunOptions } from './definitions/run-limits.ts'
export type { FreshnessPolicy, Span } from './definitions/freshness.ts'
export { schedule } from './definitions/schedule.ts'
export type { Schedule, ScheduleAnswer, ScheduleContext, ScheduleOptions } from './definitions/schedule.ts'
export type { SchemaContract, SchemaContractOption, SchemaMode } from './definitions/schema-contract.ts'
export { assetSensor, runStatusSensor, sensor } from './definitions/sensor.ts'
export type {
  AssetSensorOptions,
  RunEnd,
  RunRequest,
  RunStatusSensorOptions,
  Sensor,
  SensorAnswer,
  SensorCommon,
  SensorContext,
  SensorMessage,
  SensorOptions,
} from './definitions/sensor.ts'
export { sqlAsset } from './definitions/sql-asset.ts'
export type { SqlAsset, SqlAssetOptions, SqlStore } from './definitions/sql-asset.ts'
export { table } from './definitions/table.ts'
export type { TableSettings } from './definitions/table-options.ts'
export type { ExtractContext, LineContext, TableAsset, TableOptions, TransformContext, WriteOptions } from './definitions/table.ts'
export { ConfigError, DataError, MillraceError, SourceError } from './errors.ts'
