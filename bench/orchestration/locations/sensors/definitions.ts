import { asset, defineLocation, sensor } from 'millrace'
import { jsonFiles } from 'millrace/io'

const seen = asset({ key: 'sensors/seen', io: jsonFiles({ folder: `${process.env['MILLRACE_HOME'] ?? '.millrace'}/values` }), run: () => 1 })

/** 500 that look every 30 s and find nothing: what is measured is what looking costs. */
export default defineLocation({
  name: 'sensors',
  assets: [seen],
  sensors: Array.from({ length: 500 }, (_, n) =>
    sensor({ name: `quiet_${String(n)}`, everyMs: 30_000, assets: 'sensors/seen', run: () => ({ reason: 'nothing new' }) }),
  ),
})
