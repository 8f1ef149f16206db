import { asset, defineLocation } from 'millrace'
import type { FunctionAsset } from 'millrace'
import { jsonFiles } from 'millrace/io'
import * as z from 'zod'

const io = jsonFiles({ folder: `${process.env['MILLRACE_HOME'] ?? '.millrace'}/values` })

/** 2,000 assets in 20 layers of 100, each made from three of the layer above it. */
const layers: FunctionAsset[][] = []
for (let layer = 0; layer < 20; layer += 1) {
  const above = layers.at(-1)
  layers.push(
    Array.from({ length: 100 }, (_, n) =>
      asset({
        key: `many/layer_${String(layer)}_${String(n)}`,
        group: `layer_${String(layer)}`,
        description: 'One of many.',
        value: z.number(),
        io,
        ...(above === undefined ? {} : { deps: [0, 1, 2].map((step) => above[(n + step) % 100]?.key ?? '') }),
        run: () => 1,
      }),
    ),
  )
}

export default defineLocation({ name: 'assets', assets: layers.flat() })
