import { graph, job, op } from 'millrace'
import * as z from 'zod'

export const addNumbers = op({
  name: 'add_numbers',
  inputs: { a: z.number(), b: z.number() },
  output: z.number(),
  run: ({ inputs, log }) => {
    log('adding', { a: inputs.a, b: inputs.b })
    return inputs.a + inputs.b
  },
})

const multiplyByTwo = op({
  name: 'multiply_by_two',
  inputs: { n: z.number() },
  output: z.number(),
  run: ({ inputs }) => inputs.n * 2,
})

export const math = graph({
  name: 'math',
  inputs: { first: z.number() },
  compose: ({ first }) => {
    const sum = addNumbers({ a: first, b: 2 })
    const more = addNumbers({ a: sum, b: 3 }) // the second use is the step add_numbers_2
    return multiplyByTwo({ n: more })
  },
})

export const mathJob = job({ name: 'math_job', graph: math, inputs: { first: 1 } })
