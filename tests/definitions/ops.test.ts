import * as z from 'zod'
import { defineLocation } from '../../src/definitions/location.ts'
import { manifestOf } from '../../src/definitions/manifest.ts'
import { graph } from '../../src/definitions/ops/graph.ts'
import { job } from '../../src/definitions/ops/job.ts'
import { mapOver } from '../../src/definitions/ops/map-over.ts'
import { op } from '../../src/definitions/ops/op.ts'
import type { Ref } from '../../src/definitions/ops/ref.ts'
import { schedule } from '../../src/definitions/schedule.ts'
import { describe, expect, test } from '../support/test.ts'

const addNumbers = op({ name: 'add_numbers', inputs: { a: z.number(), b: z.number() }, output: z.number(), run: ({ inputs }) => inputs.a + inputs.b })
const multiplyByTwo = op({ name: 'multiply_by_two', inputs: { n: z.number() }, output: z.number(), run: ({ inputs }) => inputs.n * 2 })
const twice = op({ name: 'twice', outputs: { x: z.number(), y: z.string().optional() }, run: () => ({ x: 1 }) })
const say = op({ name: 'say', inputs: { text: z.string(), loud: z.boolean().default(false) }, run: ({ inputs }) => void inputs.loud })
const list = op({ name: 'list', output: z.array(z.object({ id: z.string() })), run: () => [{ id: 'a' }] })
const fetchOne = op({ name: 'fetch', inputs: { id: z.object({ id: z.string() }) }, output: z.number(), run: () => 1 })
const sum = op({ name: 'sum', inputs: { all: z.array(z.number()) }, output: z.number(), run: ({ inputs }) => inputs.all.length })

const namesOf = (made: { readonly definition: { readonly plan: { readonly steps: readonly { readonly name: string }[] } } }): string[] =>
  made.definition.plan.steps.map(({ name }) => name)
const thrownBy = (declare: () => unknown): string => {
  try {
    declare()
  } catch (error) {
    expect(error).toMatchObject({ code: 'DEFINITION_INVALID' })
    return error instanceof Error ? error.message : ''
  }
  throw new Error('nothing was thrown')
}

describe('a graph', () => {
  test('is a plan: what it calls twice has two names, and what hangs on what is told', () => {
    const math = graph({ name: 'math', inputs: {}, compose: () => multiplyByTwo({ n: addNumbers({ a: 1, b: addNumbers({ a: 2, b: 3 }) }) }) })
    expect(math.definition.plan.steps.map(({ name, upstream, inputs }) => ({ name, upstream, inputs }))).toEqual([
      { name: 'add_numbers', upstream: [], inputs: { a: { kind: 'constant', value: 2 }, b: { kind: 'constant', value: 3 } } },
      {
        name: 'add_numbers_2',
        upstream: ['add_numbers'],
        inputs: { a: { kind: 'constant', value: 1 }, b: { kind: 'output', step: 'add_numbers', output: 'result' } },
      },
      { name: 'multiply_by_two', upstream: ['add_numbers_2'], inputs: { n: { kind: 'output', step: 'add_numbers_2', output: 'result' } } },
    ])
    expect(math.definition.plan.answer).toEqual({ kind: 'output', step: 'multiply_by_two', output: 'result' })
  })

  test('goes within another, under its name or one of its own, with inputs and several answers', () => {
    const inner = graph({
      name: 'inner',
      inputs: { n: z.number() },
      compose: ({ n }) => {
        const both = twice()
        return { more: addNumbers({ a: n, b: both.x }), text: both.y }
      },
    })
    const outer = graph({
      name: 'outer',
      compose: () => {
        const first = inner({ n: 1 })
        say({ text: first.text }, { after: [first.more] })
        return inner.as('second')({ n: multiplyByTwo.as('doubled')({ n: first.more }) }).more
      },
    })
    expect(namesOf(outer)).toEqual(['inner.twice', 'inner.add_numbers', 'say', 'doubled', 'second.twice', 'second.add_numbers'])
    expect(outer.definition.plan.steps.find(({ name }) => name === 'say')?.upstream).toEqual(['inner.twice', 'inner.add_numbers'])
    expect(outer.definition.plan.steps.at(-1)?.inputs).toEqual({
      a: { kind: 'output', step: 'doubled', output: 'result' },
      b: { kind: 'output', step: 'second.twice', output: 'x' },
    })
  })

  test('maps a branch over what an op found, and collects', () => {
    const mapped = graph({
      name: 'mapped',
      compose: () => sum({ all: mapOver(list(), (item) => multiplyByTwo({ n: fetchOne({ id: item }) }), { key: ({ id }) => id }).collect() }),
    })
    expect(mapped.definition.plan.steps.map(({ name, map, upstream, collects }) => [name, map, upstream, collects])).toEqual([
      ['list', undefined, [], []],
      ['fetch', 'list.result#1', ['list'], []],
      ['multiply_by_two', 'list.result#1', ['list', 'fetch'], []],
      ['sum', undefined, ['list'], ['multiply_by_two']],
    ])
  })

  test('takes references of the right type only', () => {
    const check = (text: Ref<string>, number: Ref<number>, numbers: Ref<number[]>): void => {
      // @ts-expect-error -- a reference to text is none to a number
      addNumbers({ a: text, b: 1 })
      // @ts-expect-error -- text is no number
      addNumbers({ a: '1', b: 1 })
      // @ts-expect-error -- b is missing
      addNumbers({ a: 1 })
      // @ts-expect-error -- there is no c
      addNumbers({ a: 1, b: number, c: 2 })
      // @ts-expect-error -- a collected list is no number
      multiplyByTwo({ n: numbers })
      sum({ all: numbers })
      sum({ all: [number, 1] })
      // @ts-expect-error -- items of another type
      sum({ all: [text] })
      say({ text })
      // @ts-expect-error -- items have the type of the list
      mapOver(numbers, (item) => say({ text: item }))
      // @ts-expect-error -- what answers nothing gives nothing
      multiplyByTwo({ n: say({ text }) })
    }
    expect(check).toBeTypeOf('function')
    // @ts-expect-error -- an op answers what its output says
    op({ name: 'wrong', output: z.number(), run: () => 'text' })
    // @ts-expect-error -- inputs have their types
    op({ name: 'wrong', inputs: { a: z.number() }, output: z.string(), run: ({ inputs }) => inputs.a })
    // @ts-expect-error -- an output that is not optional is answered
    op({ name: 'wrong', outputs: { x: z.number(), y: z.number() }, run: () => ({ x: 1 }) })
  })

  test.for<[why: string, declare: () => unknown, message: string]>([
    ['an op is called outside of one', () => multiplyByTwo({ n: 1 }), 'The op multiply_by_two was called where no graph is composed'],
    [
      'it throws',
      () =>
        graph({
          name: 'broken',
          compose: () => {
            throw new Error('no luck')
          },
        }),
      'The graph broken cannot be composed: no luck',
    ],
    [
      'it is asynchronous',
      () => graph({ name: 'later', compose: () => Promise.resolve() as unknown as undefined }),
      'The `compose` of the graph later is asynchronous',
    ],
    ['a name is no name', () => op({ name: 'a.b', run: () => undefined }), 'The op name "a.b" must start with'],
    [
      'a reference comes from another graph',
      () => {
        let kept: Ref<number> | undefined
        graph({
          name: 'one',
          compose: () => {
            kept = multiplyByTwo({ n: 1 })
          },
        })
        graph({
          name: 'other',
          compose: () => {
            multiplyByTwo({ n: kept as Ref<number> })
          },
        })
      },
      'The input n of the step multiply_by_two is a reference to a step of another graph than other',
    ],
    [
      'a reference leaves its branch',
      () =>
        graph({
          name: 'leaking',
          compose: () => {
            let kept: Ref<number> | undefined
            mapOver(list(), (id) => {
              kept = fetchOne({ id })
            })
            multiplyByTwo({ n: kept as Ref<number> })
          },
        }),
      'is a reference to a step of a branch, of which there are many',
    ],
    [
      'two steps have one chosen name',
      () =>
        graph({
          name: 'same',
          compose: () => {
            multiplyByTwo.as('x')({ n: 1 })
            multiplyByTwo.as('x')({ n: 1 })
          },
        }),
      'The graph same has two steps called x',
    ],
    [
      'mappings lie within each other',
      () =>
        graph({
          name: 'deep',
          compose: () => {
            mapOver(list(), () => {
              mapOver(list(), (id) => fetchOne({ id }))
            })
          },
        }),
      'The graph deep maps within a branch of another mapping',
    ],
    [
      'a reference hides in a value',
      () =>
        graph({
          name: 'hidden',
          compose: () => {
            fetchOne({ id: { id: multiplyByTwo({ n: 1 }) } as never })
          },
        }),
      'The input id of the step fetch has a reference within, at id',
    ],
    [
      'an input is missing',
      () =>
        graph({
          name: 'lacking',
          compose: () => {
            multiplyByTwo({} as never)
          },
        }),
      'The step multiply_by_two of the graph lacking lacks its input n',
    ],
  ])('cannot be when %s', ([, declare, message]) => {
    expect(thrownBy(declare)).toContain(message)
  })
})

describe('a job', () => {
  test('is in the manifest with its steps, edges and schemas', () => {
    const configured = op({
      name: 'configured',
      config: z.object({ size: z.int().default(3) }),
      inputs: { n: z.number() },
      output: z.number(),
      run: ({ config }) => config.size,
    })
    const math = graph({ name: 'math', inputs: { n: z.number() }, compose: ({ n }) => configured({ n: multiplyByTwo({ n }) }) })
    const location = defineLocation({
      name: 'place',
      jobs: [job({ name: 'math_job', graph: math, inputs: { n: 3 }, tags: { team: 'x' } }), job({ name: 'one', graph: multiplyByTwo, inputs: { n: 1 } })],
      schedules: [schedule({ name: 'nightly', cron: '0 0 * * *', job: 'math_job' })],
    })
    const { jobs, schedules } = manifestOf(location)
    expect(jobs).toMatchObject([
      {
        name: 'math_job',
        tags: { team: 'x' },
        work: {
          graph: 'math',
          steps: [
            { name: 'multiply_by_two', upstream: [], inputs: { n: { type: 'number' } } },
            {
              name: 'configured',
              upstream: ['multiply_by_two'],
              configSchema: { properties: { size: { default: 3 } } },
              outputs: { result: { type: 'number' } },
            },
          ],
        },
      },
      { name: 'one', work: { steps: [{ name: 'multiply_by_two' }] } },
    ])
    expect(schedules[0]).toMatchObject({ job: 'math_job', assets: [] })
    expect(JSON.parse(JSON.stringify(jobs))).toEqual(jobs)
  })

  test.for<[why: string, declare: () => unknown, message: string]>([
    [
      'another has its name',
      () => defineLocation({ name: 'place', jobs: [job({ name: 'a', graph: twice }), job({ name: 'a', graph: twice })] }),
      'The job a is defined twice',
    ],
    ['its graph lacks an input', () => job({ name: 'a', graph: multiplyByTwo }), 'The job a does not hand the graph multiply_by_two a right n'],
    [
      'a schedule starts one that is not there',
      () => defineLocation({ name: 'place', schedules: [schedule({ name: 's', cron: '* * * * *', job: 'gone' })] }),
      'The schedule s starts the job gone, which the location place does not define',
    ],
    ['it chooses assets that are not there', () => defineLocation({ name: 'place', jobs: [job({ name: 'a', assets: 'group:x' })] }), 'group'],
  ])('cannot be when %s', ([, declare, message]) => {
    expect(() => declare()).toThrow(message)
  })
})
