import { countQuarantined, countTaken, keepBadRecords } from '../catalog/quarantine.ts'
import type { BadRecord } from '../catalog/quarantine.ts'
import type { ClaimedBatch, ClaimedStep } from '../catalog/claims.ts'
import type { TableAssetSpec } from '../definitions/manifest.ts'
import type { QuarantineContract } from '../definitions/quarantine.ts'
import { DataError, FencedError } from '../errors.ts'
import type { WorkerContext } from './context.ts'

/** A share is judged while a step goes on once so many records were read: of fewer it says little. */
const firstSample = 1000

/** Of one batch. */
export interface Found {
  readonly bad: readonly BadRecord[]
  /** Those that are in quarantine already, by where in the batch they came. */
  readonly staying: readonly number[]
  /** How many records it has in all. */
  readonly records: number
}

/**
 * Keeps a batch's bad records.
 * @throws DataError `TOO_MANY_BAD_RECORDS` when its step has more of them than its asset allows
 */
export async function quarantine(
  context: WorkerContext,
  claimed: ClaimedBatch,
  contract: QuarantineContract | undefined,
  { bad, staying, records }: Found,
): Promise<void> {
  if (contract === undefined) return
  // Where there are none, an attempt before, of other code, may have kept some.
  if (bad.length === 0 && claimed.claim === 1) return
  const total = await keepBadRecords(context.pool, { ...claimed, records: bad, staying })
  if (total === undefined) throw new FencedError(`batch ${String(claimed.ordinal)} of the step ${claimed.stepId}`)
  const { atMost, atMostPercent } = contract
  if (atMost !== undefined && total > atMost) throw tooMany(claimed.asset, `${String(total)} so far`, `at most ${String(atMost)}`, bad)
  if (atMostPercent === undefined || bad.length === 0) return
  const before = await countQuarantined(context.pool, claimed.stepId, claimed.generation, claimed.batchId)
  const [share, of] = [before.quarantined + staying.length + bad.length, before.records + records]
  if (of >= firstSample && share * 100 > of * atMostPercent) {
    throw tooMany(claimed.asset, `${String(share)} of the first ${String(of)}`, `at most ${String(atMostPercent)} %`, bad)
  }
}

/** How many of a sealed step's records are in quarantine. @throws DataError `TOO_MANY_BAD_RECORDS` when they are more than its asset allows */
export async function judgeQuarantine({ pool }: WorkerContext, claimed: ClaimedStep, { quarantine: contract }: TableAssetSpec): Promise<number> {
  if (contract === undefined) return 0
  const { records, quarantined } = await countQuarantined(pool, claimed.stepId, claimed.generation)
  if (claimed.redrive && (await countTaken(pool, claimed.stepId)) !== records) throw takenElsewhere(claimed.asset)
  const { atMost, atMostPercent } = contract
  const of = `${String(quarantined)} of ${String(records)}`
  if (atMost !== undefined && quarantined > atMost) throw tooMany(claimed.asset, of, `at most ${String(atMost)}`)
  if (atMostPercent !== undefined && quarantined * 100 > records * atMostPercent) throw tooMany(claimed.asset, of, `at most ${String(atMostPercent)} %`)
  return quarantined
}

/** A redriving that failed and was tried again by a person, after another had taken its records. */
function takenElsewhere(asset: string): DataError {
  return new DataError(`Records of ${asset} that this run took from quarantine were discarded or redriven by another meanwhile.`, {
    code: 'REDRIVE_TAKEN',
    hint: 'Nothing of this run was published. `millrace quarantine redrive` takes what is left.',
  })
}

function tooMany(asset: string, found: string, allowed: string, records: readonly BadRecord[] = []): DataError {
  const [first] = records
  const example =
    first === undefined ? '' : ` The last batch’s first: ${first.place}: ${first.issues.map((issue) => `${issue.column}: ${issue.message}`).join('; ')}.`
  return new DataError(`Too many records of ${asset} do not fit: ${found}, and its quarantine takes ${allowed}.${example}`, {
    code: 'TOO_MANY_BAD_RECORDS',
    hint: `\`millrace quarantine list ${asset}\` shows them. Mend the source or the asset; nothing of this run was published.`,
  })
}
