import { asset, defineLocation, graph, job, mapOver, op, output, schedule } from 'millrace'
import { jsonFiles } from 'millrace/io'
import * as z from 'zod'

const io = jsonFiles({ folder: `${process.env['MILLRACE_HOME'] ?? '.millrace'}/values` })

/** Says when its first line ran, in ms since 1970. */
const began = asset({
  key: 'trivial/began',
  io,
  run: () => {
    const beganAt = performance.timeOrigin + performance.now()
    return output(null, { metadata: { beganAt } })
  },
})

const nothing = op({ name: 'nothing', output: z.number(), run: () => 1 })
const pass = op({ name: 'pass', inputs: { n: z.number() }, output: z.number(), run: ({ inputs }) => inputs.n + 1 })
const hundred = op({ name: 'hundred', output: z.array(z.number()), run: () => Array.from({ length: 98 }, (_, index) => index) })
const sum = op({ name: 'sum', inputs: { all: z.array(z.number()) }, output: z.number(), run: ({ inputs }) => inputs.all.length })

const one = graph({ name: 'one', compose: () => nothing() })
/** 100 steps, each of which waits for the one before. */
const chain = graph({
  name: 'chain',
  compose: () => {
    let last = nothing()
    for (let n = 1; n < 100; n += 1) last = pass({ n: last })
    return last
  },
})
/** 100 steps: 98 at once, the one that found them, and the one that collects. */
const fan = graph({ name: 'fan', compose: () => sum({ all: mapOver(hundred(), (n) => pass({ n }), { key: (n) => String(n) }).collect() }) })

export default defineLocation({
  name: 'trivial',
  assets: [began],
  jobs: [job({ name: 'one', graph: one }), job({ name: 'chain', graph: chain }), job({ name: 'fan', graph: fan })],
  schedules: [schedule({ name: 'often', cron: '*/2 * * * * *', assets: 'trivial/began', startsStopped: true })],
})
