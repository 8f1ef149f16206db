import { asset, dailyPartitions, hourlyPartitions } from 'millrace'
import { jsonFiles } from 'millrace/io'

const io = jsonFiles({ folder: `${process.env['MILLRACE_HOME'] ?? '.millrace'}/values` })

/** Answers at once: what is measured is what Millrace costs. */
export const daily = asset({ key: 'bench/daily', partitions: dailyPartitions({ start: '2020-01-01' }), io, run: ({ partition }) => partition.key })

/** 100,000 partitions, never made. */
export const hours = asset({
  key: 'bench/hours',
  partitions: hourlyPartitions({ start: '2010-01-01', end: '2021-05-29T16:00' }),
  io,
  run: ({ partition }) => partition.key,
})
