import { asset, metadata, output } from 'millrace'
import type { FunctionAsset, ResourceDefinition, IoManager } from 'millrace'
import * as z from 'zod'
import type { Licences } from './device-manager.ts'
import { configured, fleetsOf } from './fleets.ts'
import type { ReadyOrganization } from './organizations.ts'
import { mdm } from './resources.ts'

const Status = z.object({
  organization: z.string(),
  licences: z.object({ paid: z.number(), used: z.number(), left: z.number() }).nullable(),
  /** How many devices each of its fleets has. */
  fleets: z.record(z.string(), z.number()),
  problems: z.array(z.string()),
})
type Status = z.infer<typeof Status>

/** What each organization's account answers: licences, and the size of its fleets. Its check fails where one does not answer, which the tables only log. */
export function organizationStatus(io: ResourceDefinition<IoManager>): FunctionAsset<Status[]> {
  return asset({
    key: 'tinymdm/organization_status',
    description: 'Licences and sizes of the fleets, by organization, and what does not answer.',
    group: 'mdm_assets',
    config: z.object({ organization: z.string().optional() }),
    resources: { mdm },
    value: z.array(Status),
    io,
    checks: [{ name: 'organizations_answer', blocking: false, description: 'Every organization that has credentials, and every fleet of it, answers.' }],
    run: async ({ config, resources, signal, log }) => {
      const all = await Promise.all(
        configured({ organizations: resources.mdm, only: config.organization, log }).map(async (organization) =>
          organization.state === 'wrong' ? unusable(organization.name, organization.error.message) : statusOf(organization, signal),
        ),
      )
      const problems = all.flatMap((one) => one.problems.map((problem) => `${one.organization}: ${problem}`))
      return output(all, {
        metadata: {
          licences: metadata.table({
            rows: all.map(({ organization, licences }) => ({ organization, ...(licences ?? { paid: null, used: null, left: null }) })),
          }),
        },
        checks: [
          problems.length === 0
            ? { name: 'organizations_answer', passed: true, message: 'all of them do.' }
            : { name: 'organizations_answer', passed: false, message: `some do not. ${problems.join(' ')}`, metadata: { problems } },
        ],
      })
    },
  })
}

const unusable = (organization: string, problem: string): Status => ({ organization, licences: null, fleets: {}, problems: [`${problem}.`] })

async function statusOf(organization: ReadyOrganization, signal: AbortSignal): Promise<Status> {
  const problems: string[] = []
  const tried = async <T>(what: string, ask: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await ask()
    } catch (error) {
      signal.throwIfAborted()
      problems.push(`${what}: ${error instanceof Error ? error.message : String(error)}.`)
      return undefined
    }
  }
  const licences: Licences | undefined = await tried('licences', () => organization.manager.licences(signal))
  const fleets: Record<string, number> = {}
  for (const { fleet, groupId } of fleetsOf(organization)) {
    const count = await tried(`the fleet ${fleet}`, () => organization.manager.count(groupId, signal))
    if (count !== undefined) fleets[fleet] = count
  }
  return {
    organization: organization.name,
    licences: licences === undefined ? null : { ...licences, left: licences.paid - licences.used },
    fleets,
    problems,
  }
}
