import { readMoment } from '../catalog/partition-moment.ts'
import type { ClaimedStep } from '../catalog/claims.ts'
import type { FunctionAsset, PartitionsInput } from '../definitions/function-asset.ts'
import { assetOfInput } from '../definitions/function-asset.ts'
import type { IoManager } from '../definitions/io-manager.ts'
import { mappingOf } from '../definitions/partitions/check-partitions.ts'
import { requirePartition } from '../definitions/partitions/choose-partitions.ts'
import { upstreamOf } from '../definitions/partitions/map-partitions.ts'
import { partitionSet } from '../definitions/partitions/partition-set.ts'
import type { PartitionMoment, PartitionSet } from '../definitions/partitions/partition-set.ts'
import { DataError } from '../errors.ts'
import { checkValue } from './check-value.ts'
import type { WorkerContext } from './context.ts'
import { callUserCode } from './failure.ts'
import type { StepSignal } from './step-signal.ts'

/** Several partitions of an input are loaded so many at a time. */
const atOnce = 8

/** The partitions that a step makes, and those of its inputs; undefined where there are none at all. */
export interface StepPartitions {
  /** Of the asset itself; undefined where it has none. */
  readonly own: PartitionSet | undefined
  readonly moment: PartitionMoment
}

/** Reads what partitions there are, where the asset or an input of it has any. */
export async function readStepPartitions(context: WorkerContext, claimed: ClaimedStep, asset: InputUser): Promise<StepPartitions | undefined> {
  const specs = [asset.partitions, ...Object.values(asset.inputs).map((input) => assetOfInput(input).partitions)]
  if (specs.every((spec) => spec === undefined)) return undefined
  const moment = await readMoment(context.pool, claimed.location, specs)
  return { own: asset.partitions === undefined ? undefined : partitionSet(asset.partitions, moment), moment }
}

/** What is handed the values of assets: a function asset, or a function of several. */
export type InputUser = Pick<FunctionAsset, 'key' | 'inputs' | 'mappings' | 'partitions'>

export interface InputRequest<User extends InputUser = InputUser> {
  readonly claimed: ClaimedStep
  readonly asset: User
  readonly partitions: StepPartitions | undefined
  /** The one to make. */
  readonly key: string | undefined
  readonly stop: StepSignal
}

/** Opens the I/O manager of an asset. */
export type IoOf = (asset: FunctionAsset) => Promise<IoManager>

export type InputsWanted = Omit<InputRequest, 'claimed'>

/** The values of an asset's inputs, as their I/O managers load them and their schemas accept them. */
export async function loadInputs(context: WorkerContext, request: InputRequest): Promise<Readonly<Record<string, unknown>>> {
  return loadInputsFrom((upstream) => ioOf(context, request.claimed, upstream), request)
}

/** The same, wherever values are. */
export async function loadInputsFrom(open: IoOf, request: InputsWanted): Promise<Readonly<Record<string, unknown>>> {
  const values: Record<string, unknown> = {}
  for (const [name, input] of Object.entries(request.asset.inputs)) values[name] = await loadInput(open, request, name, input)
  return values
}

/** The value of one of them. */
export async function loadInput(open: IoOf, request: InputsWanted, name: string, input: FunctionAsset | PartitionsInput): Promise<unknown> {
  const { asset, stop } = request
  const upstream = assetOfInput(input)
  const io = await open(upstream)
  const load = async (partition: string | undefined): Promise<unknown> => {
    const value = await stop.until(() => callUserCode(() => io.load({ asset: upstream.key, partition }, { signal: stop.signal })))
    const which = partition === undefined ? upstream.key : `the partition ${partition} of ${upstream.key}`
    checkValue(upstream, value, `The input ${name} of ${asset.key}, the value of ${which},`)
    return value
  }
  const keys = keysOf(request, upstream)
  if (input.kind === 'function') {
    if (keys === undefined) return load(undefined)
    const [key, ...more] = keys
    if (key === undefined || more.length > 0) throw notOne(request, name, upstream, keys)
    return load(key)
  }
  const values: Record<string, unknown> = {}
  for (let at = 0; at < (keys ?? []).length; at += atOnce) {
    const some = (keys ?? []).slice(at, at + atOnce)
    const loaded = await Promise.all(some.map(load))
    for (const [index, key] of some.entries()) values[key] = loaded[index]
  }
  return values
}

/** The keys of the partitions of an input that the partition to make is made from; undefined where the input has none. */
function keysOf({ asset, partitions, key }: InputsWanted, upstream: FunctionAsset): readonly string[] | undefined {
  if (partitions === undefined || upstream.partitions === undefined) return undefined
  const set = partitionSet(upstream.partitions, partitions.moment)
  const mapping = mappingOf(asset, upstream)
  if (partitions.own !== undefined && key !== undefined) requirePartition(partitions.own, key, asset.key)
  const { ranges } = upstreamOf(mapping, partitions.own ?? set, key ?? '', set)
  return ranges.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, at) => set.at(from + at)))
}

function notOne({ asset, key }: InputsWanted, name: string, upstream: FunctionAsset, keys: readonly string[]): DataError {
  const made = key === undefined ? asset.key : `the partition ${key} of ${asset.key}`
  const found = keys.length === 0 ? 'There is no partition' : `There are ${String(keys.length)} partitions`
  return new DataError(`${found} of ${upstream.key} for the input ${name} of ${made}.`, {
    code: 'INPUT_PARTITION',
    hint: keys.length === 0 ? `See that the partitions of ${upstream.key} begin early enough.` : 'Hand the function several with partitionsOf(…).',
  })
}

/** The I/O manager of an asset, started. */
export async function ioOf(context: WorkerContext, claimed: ClaimedStep, { io }: FunctionAsset): Promise<IoManager> {
  const { started } = await callUserCode(() => context.resources.of(claimed.location, { started: io }))
  return started as IoManager
}
