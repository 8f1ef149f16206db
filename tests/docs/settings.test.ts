import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

/** Variable → default of docs/settings.md; null where the page says that there is none. */
const documented = new Map(
  [...read('docs/settings.md').matchAll(/^\| `([A-Z][A-Z0-9_]*)` \| (?:`([^`]*)`|–) \| \S/gm)].map(([, name = '', value]) => [name, value ?? null]),
)

const schema = /z\.object\(\{\n([^]*?)\n\}\)/.exec(read('src/config.ts'))?.[1] ?? ''
const settings = [...schema.matchAll(/^ {2}([A-Z][A-Z0-9_]*):/gm)].map(([, name = '']) => name)

describe('docs/settings.md', () => {
  test('has every setting of the configuration, and every variable that the pipelines read', () => {
    const pipelines = globSync('pipelines/**/*.ts', { cwd: root })
      .flatMap((file) => [...read(file).matchAll(/\b(?:TAILSCALE|RETAIL|TINYMDM)_[A-Z_]+\b/g)].map(([name]) => name))
      // codes of errors look the same; what the documentation of the project's .env names is what is read
      .filter((name) => read('.env.example').includes(name) || /_(URL|KEY|ID|SECRET|TAILNET)$/.test(name))
    expect(settings.length).toBeGreaterThan(15)
    expect([...documented.keys()].toSorted()).toEqual([...new Set([...settings, ...pipelines])].toSorted())
  })

  test('knows the defaults: setting one changes nothing', () => {
    for (const name of settings) {
      const value = documented.get(name)
      if (value === null || value === undefined) continue
      const changed = { ...readConfig({ [name]: value }, '/project'), env: { name } }
      expect(changed).toEqual({ ...readConfig({}, '/project'), env: { name } })
    }
  })

  test('says of no setting that it has no default when it has one', () => {
    const without = settings.filter((name) => documented.get(name) === null)
    const optional = [...schema.matchAll(/^ {2}([A-Z][A-Z0-9_]*):[^\n]*\.optional\(\)/gm)].map(([, name = '']) => name)
    expect(without.toSorted()).toEqual(optional.toSorted())
  })
})
