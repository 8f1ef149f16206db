import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import * as z from 'zod'

const Service = z.object({
  command: z.array(z.string()),
  environment: z.record(z.string(), z.string()).default({}),
  volumes: z.array(z.string()).default([]),
  ports: z.array(z.string()).default([]),
  healthcheck: z.union([z.object({ test: z.array(z.string()) }), z.object({ disable: z.literal(true) })]),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  build: z.string().optional(),
})
const Compose = z.object({ services: z.record(z.string(), Service), volumes: z.record(z.string(), z.null()) })
export type ComposeService = z.infer<typeof Service>

/** docker-compose.yml as Docker reads it: anchors merged, `${NAME:-default}` in values replaced from `env`. */
export function readCompose(env: Readonly<Record<string, string>> = {}): z.infer<typeof Compose> {
  const text = readFileSync(new URL('../../docker-compose.yml', import.meta.url), 'utf8')
  const document: unknown = parse(text, { merge: true })
  const fill = (value: string) => value.replaceAll(/\$\{(\w+):-([^}]*)\}/g, (_, name: string, fallback: string) => env[name] || fallback)
  return Compose.parse(JSON.parse(JSON.stringify(document, (_, value: unknown) => (typeof value === 'string' ? fill(value) : value))))
}

/** The services that run our own image, by name. */
export function ownServices(compose: z.infer<typeof Compose>): [string, ComposeService][] {
  return Object.entries(compose.services).filter(([, service]) => service.command[0] === 'millrace')
}
