import { isObject } from './describe-value.ts'
import { aText } from './option-kinds.ts'
import { required } from './option-shape.ts'
import type { OptionShape } from './option-shape.ts'

export interface KeyOptions {
  /** Parts joined by `/`. */
  readonly key: string
  /**
   * Parts before those of `key`, for assets that have them in common: `{ keyPrefix: 'shop', key: 'orders' }` is the asset `shop/orders`, and called so everywhere:
   * in `deps`, selections, checks and on the command line.
   */
  readonly keyPrefix?: string | undefined
}

export const keyShape: OptionShape<KeyOptions> = { key: required(aText('shop/orders')), keyPrefix: aText('shop') }

/** The same options with the whole key in `key`, and no prefix. What `common` says holds where they say none. */
export function withWholeKey<Options extends KeyOptions>(options: Options, common?: string): Options {
  // What is no text is refused by those who look at the options.
  if (!isObject(options)) return options
  const { key, keyPrefix = common } = options
  return typeof keyPrefix !== 'string' || typeof key !== 'string' ? options : { ...options, key: `${keyPrefix}/${key}`, keyPrefix: undefined }
}
