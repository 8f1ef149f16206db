import { MillraceError } from '../../errors.ts'
import { DefinitionError } from '../definition-error.ts'

interface SelectionErrorOptions {
  /** It cannot be read; else there is nothing for what it says. Default true. */
  readonly unreadable?: boolean
  /** What there is instead, as the end of a sentence. */
  readonly instead?: string
}

/** A selection that cannot be read, or that names what is not there. */
export class SelectionError extends DefinitionError {
  readonly selection: string
  /** Where in the selection it goes wrong, from 0. */
  readonly position: number
  readonly unreadable: boolean
  /** The message without what there is instead. */
  readonly brief: string

  constructor(problem: string, selection: string, position: number, { unreadable = true, instead = '' }: SelectionErrorOptions = {}) {
    // Of a selection of one word there is no need to say which.
    const isWord = !unreadable && !/[\s()+]/.test(selection.trim())
    const place = isWord ? '.' : `, at character ${String(position + 1)} of the selection:\n  ${selection}\n  ${' '.repeat(position)}^`
    super(problem + instead + place)
    this.selection = selection
    this.position = position
    this.unreadable = unreadable
    this.brief = problem + place
  }
}

/**
 * Chooses for somebody who asks, rather than for whoever wrote the definitions.
 * @throws MillraceError `SELECTION_INVALID` where a selection cannot be read, `UNKNOWN_ASSET` where there is nothing for what it says
 */
export function chooseFor<Chosen>(choose: () => Chosen): Chosen {
  try {
    return choose()
  } catch (error) {
    throw error instanceof SelectionError ? asRequestError(error) : error
  }
}

function asRequestError(error: SelectionError): MillraceError {
  return error.unreadable
    ? new MillraceError(error.message, {
        code: 'SELECTION_INVALID',
        hint: 'For example: `raw/orders`, `raw/*`, `group:sales and not tag:slow`, `+a`, `a+2`. docs/selection.md tells all of it.',
      })
    : new MillraceError(error.message, { code: 'UNKNOWN_ASSET', hint: '`millrace assets list` shows them all.' })
}
