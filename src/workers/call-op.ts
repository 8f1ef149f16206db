import { outputOf } from '../definitions/function-asset.ts'
import type { IoManager } from '../definitions/io-manager.ts'
import type { JsonObject } from '../definitions/json.ts'
import { storedMetadata } from '../definitions/metadata/fields.ts'
import type { MetadataFields } from '../definitions/metadata/fields.ts'
import type { OpDefinition } from '../definitions/ops/op-definition.ts'
import { outputsOf } from '../definitions/ops/resolve.ts'
import type { Partition } from '../definitions/partitions/partition.ts'
import { DataError, MillraceError } from '../errors.ts'
import type { CallFacts } from './call-function.ts'
import { checkOutput, parseInputs } from './check-op-values.ts'
import { callUserCode } from './failure.ts'
import { outputPlace, outputText } from './op-values.ts'
import { parseConfig } from './parse-config.ts'
import type { StepSignal } from './step-signal.ts'

interface OpCall {
  /** Values of its inputs, not checked yet. */
  readonly given: Readonly<Record<string, unknown>>
  /** Of a graph-backed asset that has partitions: the one that is made. */
  readonly partition: Partition | undefined
  /** Of this step. */
  readonly config: JsonObject
  readonly resources: () => Promise<Readonly<Record<string, unknown>>>
  readonly stop: StepSignal
  readonly facts: CallFacts
}

interface OpAnswer {
  /** Its outputs by their names; what is undefined was left out. */
  readonly answers: Readonly<Record<string, unknown>>
  /** As it is stored: the step's own, and of each of several outputs as `output.name`. */
  readonly metadata: JsonObject
}

/**
 * Calls an op's function, between the questions for the types of its inputs and of its outputs.
 * @param step its name in the run
 * @throws DataError `INPUT_INVALID`, `OUTPUT_INVALID`, `METADATA_INVALID`; MillraceError `CONFIG_INVALID`; UserCodeError around what the function throws
 */
export async function callOp(step: string, op: OpDefinition, { given, partition, config, resources, stop, facts }: OpCall): Promise<OpAnswer> {
  const inputs = parseInputs(step, op.inputs, given)
  const clients = await stop.until(() => callUserCode(resources))
  const parsed = parseConfig({ key: step, config: op.config }, config)
  const answered = await stop.until(() =>
    callUserCode(async () =>
      op.run({ inputs, partition, config: parsed, resources: clients, signal: stop.signal, ...facts } as unknown as Parameters<typeof op.run>[0]),
    ),
  )
  const { value, metadata, checks } = outputOf(answered)
  const named = outputsOf({ op }, value)
  const each = op.single ? [] : Object.entries(named).map(([name, one]) => [name, outputOf(one)] as const)
  if (checks.length > 0 || each.some(([, one]) => one.checks.length > 0)) throw checksOfOp(step)
  const answers = op.single ? named : Object.fromEntries(each.map(([name, one]) => [name, one.value]))
  for (const [name, schema] of Object.entries(op.outputs)) checkOutput(step, op.single ? undefined : name, schema, answers[name])
  const ofOutputs = each.filter(([name, one]) => op.outputs[name] !== undefined && one.value !== undefined)
  return { answers, metadata: Object.assign(storedMetadata(step, metadata), ...ofOutputs.map(([name, one]) => metadataOf(step, name, one.metadata))) }
}

/** Metadata of one of several outputs: without secrets before its names are longer. */
function metadataOf(step: string, name: string, metadata: MetadataFields): JsonObject {
  const stored = storedMetadata(`the output ${name} of ${step}`, metadata)
  return Object.fromEntries(Object.entries(stored).map(([entry, value]) => [`${name}.${entry}`, value]))
}

function checksOfOp(step: string): DataError {
  return new DataError(`${step} answered results of checks, and only assets have checks.`, {
    code: 'OUTPUT_INVALID',
    hint: 'Declare the check on the graph-backed asset that the op is part of, or throw where the op is to fail.',
  })
}

/** An op's outputs as JSON text by their names. */
export function outputTexts(step: string, op: OpDefinition, answers: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(answers).map(([output, value]) => [output, outputText(`What ${step} answered${op.single ? '' : ` as ${output}`}`, value)]),
  )
}

/** Has an op's I/O manager keep its outputs. */
export async function storeOutputs(
  io: IoManager,
  { runId, step }: { readonly runId: string; readonly step: string },
  answers: Readonly<Record<string, unknown>>,
  { signal, until }: StepSignal,
): Promise<void> {
  for (const [output, value] of Object.entries(answers)) await until(() => callUserCode(() => io.store(outputPlace(runId, step, output), value, { signal })))
}

export function opTooLong(step: string, timeoutMs: number): MillraceError {
  return new MillraceError(`The op of ${step} took longer than ${String(timeoutMs / 1000)} s.`, {
    code: 'STEP_TIMEOUT',
    retryable: true,
    hint: 'Raise the op’s `timeoutMs`, or look what it waits for: hand `signal` to every request it makes.',
  })
}
