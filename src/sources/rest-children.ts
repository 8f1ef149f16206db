import type { Json, JsonObject } from '../definitions/json.ts'
import type { RawPage } from '../definitions/page.ts'
import { SourceError } from '../errors.ts'
import { childAddress } from './child-address.ts'
import { withoutSecrets } from './http-auth.ts'
import { parentRecords } from './parent-records.ts'
import type { Paging } from './paging.ts'
import { listRequest, pagedList } from './rest-list.ts'
import type { ListCommon, RestChildrenOptions } from './rest-list.ts'
import { pageOfRecords } from './rest-page.ts'
import { firstOfAll, placeOf, positionError, storedPlace, walkPages } from './walk-pages.ts'
import type { Place, WalkedPage } from './walk-pages.ts'

/** A record of the parent list, with its place. */
interface Parent {
  readonly record: JsonObject
  /** Where its page is. */
  readonly place: Place
  /** Which record of that page it is, from 0. */
  readonly index: number
  readonly address: URL
  /** Where its own list goes on; `end` where it is through. */
  readonly from: Place | 'end'
}

/** A child whose first page is under way. */
interface Child {
  readonly parent: Parent
  readonly pages: AsyncGenerator<WalkedPage, void, undefined>
  readonly first: Promise<IteratorResult<WalkedPage, void>>
}

/** Where an earlier attempt stopped: in the list of a parent of a page of parents. */
interface ChildPosition {
  readonly place: Place
  readonly index: number
  readonly address: string
  readonly from: Place | 'end'
}

/** The lists of all records of another list, one after another; the first pages of the next ones are fetched ahead. */
export async function* childPages(options: RestChildrenOptions, common: ListCommon): AsyncGenerator<RawPage, void, undefined> {
  const list = new URL(options.parent.url)
  const parents = parentsOf(options, common, list)
  const children: Child[] = []
  let through = false
  for (;;) {
    while (!through && children.length <= common.ahead) {
      const next = await parents.next()
      if (next.done === true) through = true
      else if (next.value.from !== 'end') children.push(begin(options, common, next.value, next.value.from))
    }
    const child = children.shift()
    if (child === undefined) return
    yield* pagesOfChild(options, common, child)
  }
}

function begin(options: RestChildrenOptions, common: ListCommon, parent: Parent, from: Place): Child {
  const body = typeof options.body === 'function' ? options.body(parent.record) : options.body
  // One page ahead is enough: what is fetched at once is children.
  const pages = walkPages(pagedList(options, listRequest(options, parent.address, body), { ...common, ahead: 1 }), from)
  const first = pages.next()
  first.catch(() => undefined)
  return { parent, pages, first }
}

async function* pagesOfChild(options: RestChildrenOptions, common: ListCommon, { parent, pages, first }: Child): AsyncGenerator<RawPage, void, undefined> {
  const { fields } = options.parent
  const extra = fields === undefined ? parent.record : Object.fromEntries(fields.map((name) => [name, parent.record[name] ?? null]))
  let step = await first.catch((error: unknown) => {
    if (options.skipMissing === true && error instanceof SourceError && error.code === 'SOURCE_NOT_FOUND') return undefined
    throw error
  })
  for (; step !== undefined && step.done !== true; step = await pages.next()) {
    const { page, following } = step.value
    yield { ...pageOfRecords(page, options), position: positionOf(parent, following, page.number + 1, common.secrets), extra }
  }
}

function positionOf(parent: Parent, following: Place | undefined, number: number, secrets: readonly string[]): Json {
  const { place, index } = parent
  const page = place.next === undefined ? null : { next: place.next, number: place.number }
  return { parents: page, index, address: storedAddress(parent.address, secrets), child: storedPlace(following, number) }
}

function storedAddress(address: URL, secrets: readonly string[]): string {
  const clean = withoutSecrets(address, secrets)
  clean.username = ''
  clean.password = ''
  return clean.href
}

async function* parentsOf(options: RestChildrenOptions, common: ListCommon, list: URL): AsyncGenerator<Parent, void, undefined> {
  const stopped = options.position === undefined ? undefined : childPosition(options, options.position, list)
  let place = stopped?.place ?? firstOfAll
  const request = listRequest(options.parent, list, options.parent.body)
  // One page of parents ahead: their children are what takes time.
  for await (const { page, following } of walkPages(pagedList(options.parent, request, { ...common, ahead: 1 }), place)) {
    const records = parentRecords(page, options.parent.path ?? [])
    const addresses = records.map((record) => childAddress(options.url, record, list))
    const begins = stopped === undefined || stopped.place.number !== place.number ? undefined : resumeAt(stopped, addresses, common.secrets)
    for (const [index, record] of records.entries()) {
      const address = addresses[index]
      if (address === undefined || index < (begins ?? 0)) continue
      yield { record, place, index, address, from: index === begins ? (stopped?.from ?? firstOfAll) : firstOfAll }
    }
    place = following ?? place
  }
}

/** Which parent an earlier attempt stopped at: the one with that child, wherever on its page it is by now. */
function resumeAt(stopped: ChildPosition, addresses: readonly URL[], secrets: readonly string[]): number {
  const stored = addresses.map((address) => storedAddress(address, secrets))
  const found = stored[stopped.index] === stopped.address ? stopped.index : stored.indexOf(stopped.address)
  if (found >= 0) return found
  throw new SourceError(`The parent of ${stopped.address}, where extraction stopped, is no longer on its page`, {
    code: 'SOURCE_PARENTS_MOVED',
    hint: 'The list of parents changed meanwhile, so extraction begins afresh. Order it by something that does not change.',
  })
}

function childPosition(options: RestChildrenOptions, position: Json, list: URL): ChildPosition {
  const none: Paging = { kind: 'none' }
  if (typeof position === 'object' && position !== null && 'parents' in position && 'child' in position) {
    const { parents, index, address, child } = position
    const place = parents === null ? firstOfAll : placeOf(parents, options.parent.paging ?? none)
    const from = placeOf(child, options.paging ?? none)
    if (place !== undefined && place !== 'end' && from !== undefined && typeof index === 'number' && typeof address === 'string') {
      return { place, index, address, from }
    }
  }
  throw positionError(position, list)
}
