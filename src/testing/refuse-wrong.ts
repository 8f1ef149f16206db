import { aDefinition, aKind, anObject, aText, either, oneOf, recordOf, texts } from '../definitions/option-kinds.ts'
import { wrongOptions, wrongValue } from '../definitions/option-shape.ts'
import type { AnyShape, Kind, OptionShape } from '../definitions/option-shape.ts'
import { isObject } from '../definitions/describe-value.ts'
import { ioKind } from '../definitions/resource.ts'
import { MillraceError } from '../errors.ts'
import type { CallAssetOptions } from './call-asset.ts'
import type { OpPartitionOptions } from './run-plan.ts'
import type { TestOptions } from './test-bed.ts'

/**
 * Refuses options of a function of the kit that nobody would look at, or whose values cannot be: a test that misspells one would else try something else than it says.
 * @param what the function, as `callAsset()`
 * @throws MillraceError `TEST_OPTIONS`
 */
export function refuseWrong(what: string, options: unknown, shape: AnyShape): void {
  refuse(wrongOptions(what, options, shape))
}

/** Refuses what is no such definition: one that is undefined, say, because two files import each other. @throws MillraceError `TEST_OPTIONS` */
export function refuseOther(what: string, tested: unknown, wanted: string, ...kinds: readonly string[]): void {
  refuse(wrongValue(`What ${what} is handed`, tested, aDefinition(wanted, ...kinds)))
}

function refuse(wrong: string | undefined): void {
  if (wrong !== undefined) throw new MillraceError(wrong, { code: 'TEST_OPTIONS', hint: 'Mend what the test hands in.' })
}

const inputsKind: Kind = anObject('{ orders: [{ id: 1 }] }')
export const aTime: Kind = aKind("a Date, or a time as '2026-01-01T06:00:00Z'", (value) => value instanceof Date || typeof value === 'string')

/** What most functions of the kit take. */
export const testShape: OptionShape<TestOptions> = {
  config: anObject('{ limit: 10 }'),
  resources: anObject('{ shop: { count: async () => 3 } }'),
  env: anObject("{ SHOP_URL: 'http://shop.example' }"),
  clock: aKind("a clock, as testClock('2026-01-01') answers it", (value) => isObject(value) && typeof value['now'] === 'function'),
  partitionKeys: recordOf(texts('eu'), "an object of keys by the partitions' names, as { regions: ['eu'] }"),
  io: either(oneOf('declared'), ioKind),
  signal: aKind('an AbortSignal', (value) => isObject(value) && typeof value['aborted'] === 'boolean'),
}

export const callShape: OptionShape<CallAssetOptions> = { ...testShape, inputs: inputsKind, partition: aText('2026-01-01') }

export const opShape: OptionShape<TestOptions & OpPartitionOptions & { readonly inputs?: object }> = {
  ...testShape,
  inputs: inputsKind,
  partition: aKind("a key as '2026-01-01', or { key, of }", (value) => typeof value === 'string' || (isObject(value) && typeof value['key'] === 'string')),
}
