import type { PartitionsSpec } from './partitions-spec.ts'

interface Asset {
  readonly partitions?: PartitionsSpec | undefined
  /** Of a graph-backed one, in a manifest. */
  readonly graph?: object | undefined
  /** The same, in a location. */
  readonly plan?: object | undefined
}

/** Whether a run makes but one partition of it: a graph-backed asset's ops are steps of the run, and each of them is of one partition. */
export function isOnePerRun({ partitions, graph, plan }: Asset): boolean {
  return partitions !== undefined && (graph ?? plan) !== undefined
}
