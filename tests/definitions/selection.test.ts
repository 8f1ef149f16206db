import fc from 'fast-check'
import { matchesGlob } from '../../src/definitions/selection/glob.ts'
import { parseSelection } from '../../src/definitions/selection/parse-selection.ts'
import { selectAssets } from '../../src/definitions/selection/select-assets.ts'
import { selectInLocations } from '../../src/definitions/selection/select-in-locations.ts'
import { SelectionError } from '../../src/definitions/selection/selection-error.ts'
import { describe, expect, test } from '../support/test.ts'

// raw/a → mid/a → kpi/a → top, raw/b → mid/a, raw/b → kpi/b
const assets = [
  { key: 'raw/a', kind: 'table', group: 'raw', tags: { team: 'data', slow: '' }, deps: [] },
  { key: 'raw/b', kind: 'table', group: 'raw', tags: { team: 'shop', 'cost center': 'a + b' }, deps: [] },
  { key: 'mid/a', kind: 'sql', tags: { team: 'data' }, deps: ['raw/a', 'raw/b'] },
  { key: 'kpi/a', kind: 'sql', group: 'kpi', tags: {}, deps: ['mid/a'] },
  { key: 'kpi/b', kind: 'sql', group: 'kpi', tags: {}, deps: ['raw/b', 'elsewhere'] },
  { key: 'top', kind: 'sql', tags: {}, deps: ['kpi/a'] },
  { key: 'and', kind: 'sql', tags: {}, deps: [] },
]
const select = (...selections: string[]) => selectAssets(assets, selections).join(' ')

function errorOf(selection: string): SelectionError {
  try {
    selectAssets(assets, [selection])
  } catch (error) {
    if (error instanceof SelectionError) return error
    throw error
  }
  throw new Error(`${selection} is a selection`)
}

describe('a selection', () => {
  test.for([
    ['raw/a', 'raw/a'],
    ['key:raw/a', 'raw/a'],
    ['key:"raw/a"', 'raw/a'],
    ['"and"', 'and'],
    ['key:and', 'and'],
    ['*', 'raw/a raw/b mid/a kpi/a kpi/b top and'],
    ['raw/*', 'raw/a raw/b'],
    ['*/a', 'raw/a mid/a kpi/a'],
    ['?pi/?', 'kpi/a kpi/b'],
    ['group:kpi', 'kpi/a kpi/b'],
    ['kind:table', 'raw/a raw/b'],
    ['tag:team', 'raw/a raw/b mid/a'],
    ['tag:team=data', 'raw/a mid/a'],
    ['tag:slow=""', 'raw/a'],
    ['tag:"cost center"="a + b"', 'raw/b'],
    ['+kpi/a', 'raw/a raw/b mid/a kpi/a'],
    ['1+kpi/a', 'mid/a kpi/a'],
    ['2+top', 'mid/a kpi/a top'],
    ['0+top', 'top'],
    ['raw/a+', 'raw/a mid/a kpi/a top'],
    ['raw/b+1', 'raw/b mid/a kpi/b'],
    ['1+mid/a+1', 'raw/a raw/b mid/a kpi/a'],
    ['+mid/a+', 'raw/a raw/b mid/a kpi/a top'],
    ['+(kpi/b or raw/a)', 'raw/a raw/b kpi/b'],
    ['not kind:sql', 'raw/a raw/b'],
    ['not not raw/a', 'raw/a'],
    ['kind:sql and not group:kpi', 'mid/a top and'],
    ['raw/a or raw/b and tag:team=data or top', 'raw/a top'],
    ['(raw/a or raw/b) AND tag:team=shop', 'raw/b'],
    ['NOT raw/a and raw/*', 'raw/b'],
    ['  (  raw/a)  ', 'raw/a'],
  ] as const)('%s chooses %s', ([selection, chosen]) => {
    // `raw/b and tag:team=data` leaves nothing, which is no error within an `or`.
    expect(select(selection)).toBe(chosen)
  })

  test('of several chooses what any of them does, in the order of the assets', () => {
    expect(select('top', 'group:raw', 'raw/a')).toBe('raw/a raw/b top')
  })

  test.for([
    ['', 1, 'An asset is missing'],
    ['raw/a and', 10, 'An asset is missing'],
    ['and raw/a', 1, 'An asset is missing before "and"'],
    ['raw/a or )', 10, 'An asset is missing before ")"'],
    ['raw/a raw/b', 7, 'An `and` or `or` is missing'],
    ['raw/a + raw/b', 9, 'An `and` or `or` is missing'],
    ['(raw/a or raw/b', 16, 'A closing parenthesis is missing'],
    ['raw/a)', 6, 'There is no opening parenthesis for this one'],
    ['raw/a or team:data', 10, 'There is no team: to choose by, only key:, group:, tag:, kind:, owner:'],
    ['raw/a or group:', 16, 'A value is missing'],
    ['tag:=x', 5, 'A value is missing'],
    ['raw/a or key:"raw/b', 14, 'The closing quote is missing of the one'],
    ['2 raw/a', 3, 'A + is missing behind the number 2'],
    [`${'('.repeat(200)}raw/a`, 101, 'This is nested too deep'],
    [`${'not '.repeat(200)}raw/a`, 401, 'This is nested too deep'],
  ] as const)('%s is none: character %i is shown', ([selection, character, problem]) => {
    const error = errorOf(selection)
    expect(error).toMatchObject({ unreadable: true, position: character - 1 })
    const [first, shown, caret] = error.message.split('\n')
    expect(first).toBe(`${problem}, at character ${String(character)} of the selection:`)
    expect(shown).toBe(`  ${selection}`)
    expect(caret).toBe(`  ${' '.repeat(character - 1)}^`)
  })

  test.for([
    ['raw/c', 'There is no asset raw/c (there are raw/a, raw/b, mid/a, kpi/a, kpi/b, top, and).'],
    ['group:rw', 'No asset has the group rw (there are raw, kpi).'],
    ['tag:team=dat', 'No asset has the tag team=dat (there are team=data, slow=, team=shop, cost center=a + b).'],
    ['x*', "No asset's key is like x* (there are raw/a, raw/b, mid/a, kpi/a, kpi/b, top, and)."],
    ['top or kind:view', 'No asset has the kind view (there are table, sql), at character 8 of the selection:\n  top or kind:view\n         ^'],
    ['raw/a and raw/b', 'Nothing is left of what is chosen, at character 1 of the selection:\n  raw/a and raw/b\n  ^'],
  ] as const)('%s names what is not there, and what is', ([selection, message]) => {
    expect(errorOf(selection)).toMatchObject({ message, unreadable: false })
  })

  test('goes to each asset once, however many ways lead there', () => {
    const ladder = Array.from({ length: 100 }, (_, step) =>
      ['a', 'b'].map((side) => ({ key: `${side}${String(step)}`, deps: step === 0 ? [] : [`a${String(step - 1)}`, `b${String(step - 1)}`] })),
    ).flat()
    expect(selectAssets(ladder, ['+a99'])).toHaveLength(199)
    expect(selectAssets(ladder, ['b0+'])).toHaveLength(199)
  })

  test('that is too long is refused', () => {
    expect(errorOf('a '.repeat(6000)).message).toContain('at most 10000 characters')
  })

  test('is never anything but chosen or refused, whatever it is', () => {
    const piece = fc.constantFrom('raw/a', 'top', '+', '2', ' ', '(', ')', 'and', 'or', 'not', 'tag:', 'team', '=', '"', 'group:raw', '*', ':', 'é')
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        try {
          expect(selectAssets(assets, [pieces.join('')])).not.toHaveLength(0)
        } catch (error) {
          if (!(error instanceof SelectionError)) throw error
          expect(error.position).toBeLessThanOrEqual(pieces.join('').length)
        }
      }),
    )
  })
})

test('of several locations, those are chosen from that have all that is named', () => {
  const locations = [
    { name: 'one', assets: assets.slice(0, 2) },
    { name: 'two', assets: [{ key: 'raw/b' }, { key: 'raw/c' }] },
  ]
  expect(selectInLocations(locations, ['raw/b'])).toEqual({
    found: new Map([
      ['one', new Set(['raw/b'])],
      ['two', new Set(['raw/b'])],
    ]),
    faults: [],
  })
  const { found, faults } = selectInLocations(locations, ['raw/*', 'raw/a'])
  expect([...found.keys()]).toEqual(['one'])
  expect(faults).toMatchObject([{ message: 'There is no asset raw/a (there are raw/b, raw/c).' }])
  expect(() => selectInLocations(locations, ['raw/b ('])).toThrow(SelectionError)
})

test('a pattern is matched as the regular expression would, and in time', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[ab/]{0,8}$/), fc.stringMatching(/^[ab/*?]{0,6}$/), (text, pattern) => {
      const like = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's')
      expect(matchesGlob(text, pattern)).toBe(like.test(text))
    }),
  )
  expect(matchesGlob('a'.repeat(5000), `${'a*'.repeat(2000)}b`)).toBe(false)
})

test('`and` binds more than `or`, and `not` more than both', () => {
  expect(parseSelection('a or b and not c')).toMatchObject({
    kind: 'or',
    all: [{ pattern: 'a' }, { kind: 'and', all: [{ pattern: 'b' }, { kind: 'not', of: { pattern: 'c' } }] }],
  })
})
