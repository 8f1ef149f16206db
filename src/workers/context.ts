import type pg from 'pg'
import type { ChangeListener, ChangeNotifier } from '../catalog/change-feed.ts'
import type { ManifestReader } from '../catalog/manifests.ts'
import type { Logger } from '../logger.ts'
import type { QueueKind } from '../queues/jobs.ts'
import type { Queues } from '../queues/queues.ts'
import type { BufferPool } from '../spool/buffer-pool.ts'
import type { Spool } from '../spool/spool.ts'
import type { Destinations } from './destinations.ts'
import type { LoadedLocation } from './load-locations.ts'
import type { ResourceClients } from './resource-clients.ts'
import type { Session } from './session.ts'
import type { Throttles } from './throttle.ts'
import type { Watchdog } from './watchdog.ts'

export interface WorkerLimits {
  /** Raw bytes at which a batch is cut. */
  readonly batchBytes: number
  /** Batches of one step between extract and load. */
  readonly window: number
  readonly maxRecordBytes: number
}

/** Everything a handler works with. */
export interface WorkerContext {
  readonly pool: pg.Pool
  readonly destinations: Destinations
  readonly queues: Queues
  readonly queueKinds: readonly QueueKind[]
  readonly spool: Spool
  readonly buffers: BufferPool
  readonly session: Session
  /** Absent where the process is not to be killed: in a test's own. */
  readonly watchdog: Watchdog | undefined
  readonly manifests: ManifestReader
  readonly locations: ReadonlyMap<string, LoadedLocation>
  readonly resources: ResourceClients
  readonly throttles: Throttles
  readonly notifier: ChangeNotifier
  readonly listener: ChangeListener
  readonly limits: WorkerLimits
  /** Where people open the board, for links to it. */
  readonly boardUrl: string | undefined
  readonly logger: Logger
}
