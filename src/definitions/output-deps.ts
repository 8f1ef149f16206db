import { DefinitionError } from './definition-error.ts'
import { keyOf, readDependencies } from './dependency.ts'
import type { Dependency } from './dependency.ts'
import { assetOfInput, dependencyOf } from './function-asset.ts'
import type { Inputs } from './function-asset.ts'
import type { PartitionMapping } from './partitions/partition-mapping.ts'

type Dependencies = ReturnType<typeof readDependencies>

/** What one output of a function of several assets hangs on, and which inputs of the function are among it. */
export interface OutputDependencies extends Dependencies {
  readonly inputs: Inputs
}

interface Declared {
  readonly name: string
  readonly inputs: Inputs
  readonly deps: readonly Dependency[]
  readonly outputs: readonly { readonly key: string; readonly deps?: readonly Dependency[] }[]
}

/**
 * What a function of several assets hangs on, and each of its outputs by its asset key: all that the function names, or what the output says.
 * @throws DefinitionError for what the function names and no output hangs on, partitions of another output, and partitions of an input otherwise than it is handed in
 */
export function dependenciesOf({ name, inputs, deps, outputs }: Declared): Dependencies & { readonly of: (key: string) => OutputDependencies } {
  const shared = readDependencies([...Object.values(inputs).map(dependencyOf), ...deps])
  const own = new Set(outputs.map(({ key }) => key))
  const found = new Map<string, Dependencies>()
  for (const { key, deps: said } of outputs) {
    if (said === undefined) {
      found.set(key, shared)
      continue
    }
    const read = readDependencies(said)
    for (const [dep, mapping] of Object.entries(read.mappings)) refuseMapping({ name, key, dep, mapping, inputs, own })
    const handed = Object.entries(shared.mappings).filter(([dep]) => read.deps.includes(dep))
    found.set(key, { deps: read.deps, mappings: { ...Object.fromEntries(handed), ...read.mappings } })
  }
  const all = new Set([...found.values()].flatMap((one) => one.deps))
  const unused = shared.deps.find((dep) => !all.has(dep))
  if (unused !== undefined) {
    throw new DefinitionError(`${name} hangs on ${unused}, and none of its outputs does: name it in the \`deps\` of one, or leave it out.`)
  }
  const mappings = Object.assign({}, ...[...found.values()].map((one) => one.mappings), shared.mappings) as Dependencies['mappings']
  return {
    deps: [...all].filter((dep) => !own.has(dep)),
    mappings,
    of(key) {
      const one = found.get(key) ?? shared
      return { ...one, inputs: Object.fromEntries(Object.entries(inputs).filter(([, input]) => one.deps.includes(assetOfInput(input).key))) }
    },
  }
}

interface Mapped extends Pick<Declared, 'name' | 'inputs'> {
  readonly key: string
  readonly dep: string
  readonly mapping: PartitionMapping
  readonly own: ReadonlySet<string>
}

function refuseMapping({ name, key, dep, mapping, inputs, own }: Mapped): void {
  if (own.has(dep)) {
    throw new DefinitionError(`${key} is made together with ${dep} by ${name}, of the same partition: leave \`partitions\` out of this dependency.`)
  }
  const handed = Object.values(inputs).find((input) => assetOfInput(input).key === dep)
  if (handed === undefined) return
  const said = dependencyOf(handed)
  const other = typeof said === 'object' && 'asset' in said ? said.partitions : undefined
  if (JSON.stringify(other) === JSON.stringify(mapping)) return
  throw new DefinitionError(
    `${key} hangs on other partitions of ${keyOf(assetOfInput(handed))} than ${name} is handed: leave \`partitions\` out of this dependency, or say the same of the input.`,
  )
}
