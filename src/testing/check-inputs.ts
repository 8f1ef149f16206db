import { assetOfInput } from '../definitions/function-asset.ts'
import type { FunctionAsset, PartitionsInput } from '../definitions/function-asset.ts'
import { MillraceError } from '../errors.ts'
import { checkValue } from '../workers/check-value.ts'
import type { InputUser } from '../workers/load-inputs.ts'
import { byPartition } from './by-partition.ts'

/**
 * Asks whether what a function is to be handed is all of it, and as the assets' schemas say.
 * @throws MillraceError `TEST_INPUTS`, `TEST_VALUE_PARTITIONS`; DataError `VALUE_INVALID`
 */
export function checkInputs({ key, inputs }: Pick<InputUser, 'key' | 'inputs'>, given: Readonly<Record<string, unknown>>): void {
  const names = Object.keys(inputs)
  const [missing, unknown] = [names.find((name) => !(name in given)), Object.keys(given).find((name) => !names.includes(name))]
  if (missing !== undefined || unknown !== undefined) {
    throw new MillraceError(
      `${key} is called ${missing === undefined ? `with ${unknown ?? ''}, which is none of its inputs` : `without its input ${missing}`}.`,
      {
        code: 'TEST_INPUTS',
        hint: names.length === 0 ? 'It has no inputs: leave `inputs` out.' : `Hand in \`inputs: { ${names.map((name) => `${name}: …`).join(', ')} }\`.`,
      },
    )
  }
  for (const [name, input] of Object.entries(inputs))
    for (const [which, value] of valuesOf(input, given[name], `The input ${name} of ${key}`)) {
      const upstream = assetOfInput(input)
      checkValue(upstream, value, `The input ${name} of ${key}, the value of ${which}${upstream.key},`)
    }
}

function valuesOf(input: FunctionAsset | PartitionsInput, value: unknown, what: string): readonly (readonly [which: string, value: unknown])[] {
  if (input.kind === 'function') return [['', value]]
  return Object.entries(byPartition(value, what)).map(([key, one]) => [`the partition ${key} of `, one])
}
