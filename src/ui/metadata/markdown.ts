import markdownIt from 'markdown-it'
import type { Token } from 'markdown-it'
import { Html } from '../html.ts'
import { isOfTheWeb } from './links.ts'
import { withCut } from './scalars.ts'
import type { CutText } from './scalars.ts'

/** Headings of ours go down to the third level. */
const levelsAbove = 3

/** Markdown as markup. What users wrote becomes text, a few elements and links to the web: HTML is escaped, and nothing is fetched. */
export function longMarkdown(text: CutText): Html {
  return withCut(new Html(`<div class="markdown">${renderer.render(text.value)}</div>`), text)
}

const renderer = createRenderer()

function createRenderer() {
  // HTML is text; what is nested deeper than this too, so that no text takes long.
  const made = markdownIt({ html: false, linkify: false, maxNesting: 20 })
  // A picture of another server would tell it who looks at this; its link stays.
  made.disable('image')
  made.validateLink = isOfTheWeb
  made.core.ruler.push('as_part_of_a_page', ({ tokens }) => {
    lowerHeadings(tokens)
    labelCells(tokens)
  })
  made.renderer.rules['link_open'] = (tokens, index, options, _env, self) => {
    tokens[index]?.attrSet('rel', 'noopener noreferrer')
    tokens[index]?.attrSet('target', '_blank')
    return self.renderToken(tokens, index, options)
  }
  made.renderer.rules['link_close'] = () => '<span class="unseen"> (opens a new page)</span></a>'
  return made
}

function lowerHeadings(tokens: readonly Token[]): void {
  for (const token of tokens) {
    if (token.type !== 'heading_open' && token.type !== 'heading_close') continue
    token.tag = `h${String(Math.min(6, Number(token.tag.slice(1)) + levelsAbove))}`
  }
}

/** A table as ours: its cells are told with the names of their columns, and no style stands in it, which our policy would refuse. */
function labelCells(tokens: readonly Token[]): void {
  let names: string[] = []
  let column = 0
  for (const [index, token] of tokens.entries()) {
    if (token.type === 'table_open') {
      token.attrSet('class', 'inner')
      names = []
    }
    if (token.type === 'tr_open') column = 0
    if (token.type !== 'th_open' && token.type !== 'td_open') continue
    const right = String(token.attrGet('style')).includes('right')
    token.attrs = right ? [['class', 'number']] : []
    if (token.type === 'th_open') {
      token.attrSet('scope', 'col')
      names.push(tokens[index + 1]?.content ?? '')
    } else {
      token.attrSet('data-label', names[column] ?? '')
      column += 1
    }
  }
}
