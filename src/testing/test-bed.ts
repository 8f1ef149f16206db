import { randomUUID } from 'node:crypto'
import type { SeenAsset } from '../catalog/observations.ts'
import type { IoManager } from '../definitions/io-manager.ts'
import type { JsonObject } from '../definitions/json.ts'
import type { Log } from '../definitions/log.ts'
import type { PartitionMoment } from '../definitions/partitions/partition-set.ts'
import type { Throttle } from '../definitions/rate-limit.ts'
import type { ResourceDefinition, Resources } from '../definitions/resource.ts'
import { isRetryable, MillraceError } from '../errors.ts'
import { createObservations } from '../workers/observations.ts'
import type { Observable, Observations } from '../workers/observations.ts'
import { createResourceClients } from '../workers/resource-clients.ts'
import type { ResourceClients } from '../workers/resource-clients.ts'
import { memoryIo } from './memory-io.ts'
import { testClock } from './test-clock.ts'
import type { TestClock } from './test-clock.ts'
import { logInto } from './test-log.ts'
import type { TestLine } from './test-log.ts'

export interface TestOptions {
  /** Run configuration, as a launch gives it: checked, with defaults filled in. */
  readonly config?: JsonObject
  /** Clients in the place of resources, by their names. What is not named here is started, and stopped in the end. */
  readonly resources?: Readonly<Record<string, unknown>>
  /** The environment of what is started. Default: empty, so that no test uses the credentials of its machine by accident. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** The time: when the run started, and which partitions there are. Default: the machine's, standing still. */
  readonly clock?: TestClock
  /** The keys of dynamic partitions, by their names. */
  readonly partitionKeys?: Readonly<Record<string, readonly string[]>>
  /** What keeps values between steps: one I/O manager for all, or `declared`, what each asset and op says. Default: memory that is forgotten in the end. */
  readonly io?: ResourceDefinition<IoManager> | 'declared'
  /** Aborts what is called, as a canceled run does. */
  readonly signal?: AbortSignal
}

/** What stands in for the worker, the catalogue and the store around a function that is tested. */
export interface TestBed {
  readonly runId: string
  readonly runStartedAt: string
  readonly clock: TestClock
  readonly signal: AbortSignal
  readonly throttle: Throttle
  readonly resources: ResourceClients
  /** Where hooks are called. A client that cannot be started is missed only by a hook that uses it: what sends through it does not. */
  readonly forHooks: { readonly location: string; readonly resources: ResourceClients }
  readonly openIo: (declared: ResourceDefinition<IoManager>) => Promise<IoManager>
  readonly moment: PartitionMoment
  readonly logOf: (step: string) => Log
  readonly lines: readonly TestLine[]
  /** What steps that succeeded saw of assets. */
  readonly observed: SeenAsset[]
}

/** The name of the location that everything tested is in. */
export const testLocation = 'testing'

/**
 * Works with a test bed, and stops what was started in it.
 * @param needed all that is tested may use, by name
 * @throws MillraceError `TEST_UNKNOWN_RESOURCE` for a client that nothing tested would use
 */
export async function withTestBed<T>(options: TestOptions, needed: Resources, work: (bed: TestBed) => Promise<T>): Promise<T> {
  const { resources: fakes = {}, env = {}, clock = testClock(new Date()), partitionKeys = {}, io = memoryIo() } = options
  refuseUnused(fakes, needed)
  const lines: TestLine[] = []
  // Nothing waits: what a limit would make of a test is a slow test.
  const throttle: Throttle = { turn: async (_limit, signal) => signal?.throwIfAborted(), pause: async () => undefined }
  const started = createResourceClients({
    envOf: () => env,
    throttles: { of: () => throttle },
    logger: { warn: (...said: readonly unknown[]) => logInto(lines, testLocation).warn(String(said[1]), { error: String(errorIn(said[0])) }) },
  })
  const resources: ResourceClients = {
    async of(location, definitions) {
      const clients = Object.entries(definitions).map(async ([name, definition]) => {
        if (name in fakes) return [name, fakes[name]] as const
        const client = started.of(location, { [name]: definition }).catch((error: unknown) => {
          throw options.env === undefined ? notStarted(name, error) : error
        })
        return [name, (await client)[name]] as const
      })
      return Object.fromEntries(await Promise.all(clients))
    },
    close: () => started.close(),
  }
  try {
    return await work({
      runId: randomUUID(),
      runStartedAt: clock.now().toISOString(),
      clock,
      signal: options.signal ?? new AbortController().signal,
      throttle,
      resources,
      forHooks: { location: testLocation, resources: asFarAsStarted(resources) },
      openIo: async (declared) => (await started.of(testLocation, { io: io === 'declared' ? declared : io }))['io'] as IoManager,
      moment: { now: clock.now(), dynamic: (name) => partitionKeys[name] ?? [] },
      logOf: (step) => logInto(lines, step),
      lines,
      observed: [],
    })
  } finally {
    await started.close()
  }
}

/** Clients of which those that cannot be started throw, why, when they are used. */
const asFarAsStarted = (clients: ResourceClients): ResourceClients => ({
  ...clients,
  async of(location, definitions) {
    const found: Record<string, unknown> = {}
    for (const [name, definition] of Object.entries(definitions)) {
      try {
        found[name] = (await clients.of(location, { [name]: definition }))[name]
      } catch (error) {
        Object.defineProperty(found, name, {
          enumerable: true,
          get: (): never => {
            throw error
          },
        })
      }
    }
    return found
  },
})

/** Where a test says nothing of the environment, that is most likely why. */
const notStarted = (name: string, cause: unknown): MillraceError =>
  new MillraceError(`The resource ${name} could not be started: ${cause instanceof Error ? cause.message : String(cause)}`, {
    code: 'TEST_RESOURCE',
    retryable: isRetryable(cause),
    hint: `Hand in a client, as \`resources: { ${name}: … }\`, or what it reads by \`env\`: the environment of a test is empty.`,
    cause,
  })

function refuseUnused(fakes: Readonly<Record<string, unknown>>, needed: Resources): void {
  const unused = Object.keys(fakes).find((name) => !(name in needed))
  if (unused === undefined) return
  throw new MillraceError(`\`resources\` has a client ${unused}, and nothing that is tested uses a resource of that name.`, {
    code: 'TEST_UNKNOWN_RESOURCE',
    hint: `The resources are: ${Object.keys(needed).join(', ') || 'none'}. Mend the name, or leave it out.`,
  })
}

const errorIn = (fields: unknown): unknown => (typeof fields === 'object' && fields !== null && 'err' in fields ? fields.err : fields)

/** What one attempt sees of assets. Of others than what it makes nothing is known. */
export function observationsIn({ moment }: TestBed, own: readonly Observable[]): Observations {
  return createObservations({
    own: own.map(({ key }) => key),
    find: (key) => own.find((one) => one.key === key) ?? { key, partitions: 'unknown' },
    momentOf: () => Promise.resolve(moment),
  })
}
