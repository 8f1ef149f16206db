import * as z from 'zod'
import { Refusal } from '../warehouse/refusal.ts'

/** Of what the spool answered when it stored bytes. */
export const Reference = z.object({ name: z.string(), bytes: z.number(), crc: z.number() })

/** What lets rows be taken out of encoded bytes without encoding the others again: each record is one row, or in quarantine. */
const OneByOne = z.object({
  /** Of the definitions that encoded it. */
  version: z.string(),
  /** The records that are in quarantine, by where in the batch they came, ascending. */
  bad: z.array(z.int()),
})
export type OneByOne = z.output<typeof OneByOne>

/** A batch's encoded bytes. */
export const EncodedReference = Reference.extend({ format: z.enum(['binary', 'text']), oneByOne: OneByOne.optional() })

const RefusedReference = EncodedReference.extend({ oneByOne: OneByOne, records: z.int(), rows: z.int() })
/** Encoded bytes of which Postgres refused rows. */
export type RefusedReference = z.output<typeof RefusedReference>

/** A batch's raw bytes; with what Postgres would not take of its rows, where it was loaded once already, and those rows' encoded bytes where they can be used again. */
export const RawReference = Reference.extend({ refused: z.array(Refusal).optional(), encoded: RefusedReference.optional() })
