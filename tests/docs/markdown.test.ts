import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'

const root = fileURLToPath(new URL('../..', import.meta.url))
// What the CLI and the benchmarks leave behind is nobody's documentation.
const strange = /(^|\/)(node_modules|dist|coverage|\.millrace|\.cache|\.git)\/|^bench\/results\//
const pages = globSync('**/*.md', { cwd: root, exclude: (path) => strange.test(`${path}/`) }).filter((path) => !strange.test(path))
const textOf = (page: string): string => readFileSync(join(root, page), 'utf8')

/** Without fenced blocks: a link or heading in one is an example. */
const prose = (text: string): string => text.replaceAll(/^```[^]*?^```$/gm, '')

/** A heading as GitHub makes an anchor of it. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-')

const anchorsOf = (page: string): string[] => [...prose(textOf(page)).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading))

/** Every piece of code of a page: fenced lines and spans. */
function codeOf(page: string): string[] {
  const text = textOf(page)
  const blocks = [...text.matchAll(/^```(?:sh|text)?\n([^]*?)^```$/gm)].flatMap(([, block = '']) => block.split('\n'))
  return [...blocks, ...[...prose(text).matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span)]
}

function brokenLinks(page: string): string[] {
  const links = [...prose(textOf(page)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link)
  return links.filter((link) => {
    if (/^[a-z]+:/.test(link)) return false
    const [path = '', anchor] = link.split('#')
    const target = path === '' ? page : join(dirname(page), path)
    if (!existsSync(join(root, target))) return true
    return anchor !== undefined && !anchorsOf(target).includes(anchor)
  })
}

const { scripts } = z.object({ scripts: z.record(z.string(), z.string()) }).parse(JSON.parse(textOf('package.json')))

const unknownScripts = (page: string): string[] =>
  codeOf(page)
    .flatMap((code) => [...code.matchAll(/\bnpm (?:run ([\w:-]+)|(test|start)\b)/g)].map(([, named, short]) => named ?? short ?? ''))
    .filter((name) => !(name in scripts))

async function commandOf(name: string): Promise<CommandUnknownOpts | undefined> {
  if (!existsSync(join(root, `src/cli/commands/${name}.ts`))) return undefined
  const module = (await import(join(root, `src/cli/commands/${name}.ts`))) as Record<string, () => CommandUnknownOpts>
  return module[`${name}Command`]?.()
}

/** Commands and options of `millrace` that a page names and that are not there. */
async function unknownCommands(page: string): Promise<string[]> {
  const unknown: string[] = []
  for (const [, name = '', rest = ''] of codeOf(page).flatMap((code) => [...code.matchAll(/\bmillrace ([a-z]+)\b([^;|&]*)/g)])) {
    const command = await commandOf(name)
    const words = rest.trim().split(/\s+/)
    const used = command?.commands.length === 0 || words[0] === '' ? command : command?.commands.find((one) => one.name() === words[0])
    const options = used?.options.map((option) => option.long) ?? []
    const wrong = words.filter((word) => word.startsWith('--') && word !== '--help' && !options.includes(word.replace(/=.*/, '')))
    if (used === undefined) unknown.push(`millrace ${name} ${words[0] ?? ''}`)
    unknown.push(...wrong.map((word) => `millrace ${name} ${word}`))
  }
  return unknown
}

/** Files of the checkout that a page names as code and that are not there; a name with a placeholder is an example. */
const missingFiles = (page: string): string[] =>
  codeOf(page)
    .filter((code) => /^(src|tests|docs|bench|deploy|pipelines|tools|\.ci|bin)\/[\w./-]+$/.test(code))
    .filter((path) => !existsSync(join(root, path)))

test('the pages are read at all', () => {
  expect(pages).toEqual(
    expect.arrayContaining(['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'docs/README.md', 'tests/support/README.md']),
  )
  expect(pages.flatMap(codeOf).filter((code) => code.includes('millrace ')).length).toBeGreaterThan(20)
})

describe.each(pages)('%s', (page) => {
  test('every link leads somewhere', () => {
    expect(brokenLinks(page)).toEqual([])
  })

  test('every npm script, command, option and file that it names is there', async () => {
    expect(unknownScripts(page)).toEqual([])
    expect(await unknownCommands(page)).toEqual([])
    expect(missingFiles(page)).toEqual([])
  })
})
