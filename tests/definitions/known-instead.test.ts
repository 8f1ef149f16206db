import { describe, expect, test } from 'vitest'
import { knownInstead } from '../../src/definitions/known-instead.ts'
import { selectAssets } from '../../src/definitions/selection/select-assets.ts'

const many = Array.from({ length: 2000 }, (_, at) => `shop_${String(at % 40)}/part_${String(at)}`)
const assets = { what: 'assets', list: 'millrace assets list' }
const all = (count: number): string => `\`millrace assets list\` shows all ${String(count)} assets.`

describe('instead of a name that there is not', () => {
  test.for<readonly [why: string, given: string, known: readonly string[], told: string]>([
    ['nothing is named where there is nothing', 'a', [], 'There are no assets.'],
    ['a few are named whole, each once', 'x', ['raw/a', 'raw/b', 'raw/a'], 'The assets are: raw/a, raw/b.'],
    ['a letter is wrong', 'raw/ordrs', [...many, 'raw/orders'], `Did you mean raw/orders? ${all(2001)}`],
    ['two letters changed places, and the case', 'RAW/odrers', [...many, 'raw/orders'], `Did you mean raw/orders? ${all(2001)}`],
    ['only a part of it is given', 'orders', [...many, 'raw/orders', 'clean/orders'], `Did you mean raw/orders or clean/orders? ${all(2002)}`],
    ['more than it is given', 'raw/orders/all', [...many, 'raw/orders'], `Did you mean raw/orders? ${all(2001)}`],
    [
      'of many that are near the three nearest are named',
      'part_1',
      many.map((one) => one.slice(one.indexOf('/') + 1)),
      `Did you mean part_1, part_0 or part_2? ${all(2000)}`,
    ],
    ['nothing is near', 'weather', many, all(2000)],
  ])('%s', ([, given, known, told]) => {
    expect(knownInstead(given, known, assets)).toBe(told)
  })

  test('a selection names what is near, too', () => {
    const selectable = [...many, 'raw/orders'].map((key) => ({ key, group: key.slice(0, 3) }))
    expect(() => selectAssets(selectable, ['raw/ordrs'])).toThrow('There is no asset raw/ordrs (did you mean raw/orders?).')
    expect(() => selectAssets(selectable, ['group:row'])).toThrow('No asset has the group row (there are sho, raw).')
  })
})
