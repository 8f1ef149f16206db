/** One process per stage: what a small production has, and what shows each stage's own memory and CPU. */
export const oneEach = {
  producers: ['producers'],
  board: ['board'],
  extract: ['worker', '--queues', 'extract,ticks'],
  transform: ['worker', '--queues', 'transform'],
  load: ['worker', '--queues', 'load'],
} as const
