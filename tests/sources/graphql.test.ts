import { describe, expect, test } from 'vitest'
import type { Json } from '../../src/definitions/json.ts'
import type { RawPage } from '../../src/definitions/page.ts'
import { graphql } from '../../src/sources/graphql.ts'
import type { GraphqlOptions } from '../../src/sources/graphql.ts'
import { parsePage } from '../../src/sources/parse-page.ts'
import { startHttpServer } from '../support/http-server.ts'
import { bytesOf } from '../support/page-body.ts'
import { collect, sourceErrorOf } from './failure.ts'

const recordsOf = (pages: readonly RawPage[]) => pages.map((page) => parsePage({ ...page, body: bytesOf(page.body) }).records)

interface Asked {
  readonly query: string
  readonly operationName?: string
  readonly variables: Readonly<Record<string, Json>>
}

/** A GraphQL API with the issues from 1 to 5, two a page; `answer` may put something else in. */
async function issues(answer?: (asked: Asked) => unknown) {
  const asked: (Asked & { readonly accept: string | undefined; readonly type: string | undefined })[] = []
  const server = await startHttpServer(async (request, response) => {
    const body = JSON.parse((await request.toArray()).join('')) as Asked
    asked.push({ ...body, accept: request.headers.accept, type: request.headers['content-type'] })
    const from = Number(body.variables['after'] ?? body.variables['offset'] ?? 0)
    const nodes = [1, 2, 3, 4, 5].slice(from, from + 2)
    const issues = {
      nodes,
      edges: nodes.map((node) => ({ node, cursor: `c${String(node)}` })),
      total: 5,
      pageInfo: { hasNextPage: from + 2 < 5, endCursor: String(from + 2) },
    }
    response.end(JSON.stringify(answer?.(body) ?? { data: { repository: { issues } } }))
  })
  const read = (more: Partial<GraphqlOptions> = {}) =>
    graphql({ url: `${server.url}/graphql`, query: 'query Q { … }', variables: { owner: 'me' }, path: ['repository', 'issues'], ...more })
  return { url: server.url, asked, read }
}

const ways: readonly (readonly [string, Partial<GraphqlOptions>, unknown])[] = [
  ['nodes of a connection', {}, [[1, 2], [3, 4], [5]]],
  [
    'edges of a connection',
    { records: 'edges' },
    [
      [
        { node: 1, cursor: 'c1' },
        { node: 2, cursor: 'c2' },
      ],
      [
        { node: 3, cursor: 'c3' },
        { node: 4, cursor: 'c4' },
      ],
      [{ node: 5, cursor: 'c5' }],
    ],
  ],
  [
    'a list by offset, until it is empty',
    { path: ['repository', 'issues', 'nodes'], paging: { kind: 'offset', variable: 'offset', size: { variable: 'limit', value: 2 } } },
    [[1, 2], [3, 4], [5]],
  ],
  [
    'a list by offset, up to its total',
    {
      path: ['repository', 'issues', 'nodes'],
      paging: { kind: 'offset', variable: 'offset', size: { variable: 'limit', value: 2 }, total: ['repository', 'issues', 'total'] },
      concurrency: 3,
    },
    [[1, 2], [3, 4], [5]],
  ],
]

describe.each(ways)('%s', (_, options, expected) => {
  test('come whole, and go on from any position', async () => {
    const server = await issues()
    const pages = await collect(server.read(options))
    expect(recordsOf(pages)).toEqual(expected)
    for (const [index, page] of pages.entries()) {
      expect(recordsOf(await collect(server.read({ ...options, position: page.position })))).toEqual(recordsOf(pages.slice(index + 1)))
    }
  })
})

test('the query and its variables are posted as JSON, with the cursor among them', async () => {
  const server = await issues()
  await collect(server.read({ operationName: 'Q' }))
  const common = { query: 'query Q { … }', operationName: 'Q', accept: 'application/graphql-response+json, application/json;q=0.9', type: 'application/json' }
  expect(server.asked).toEqual([
    { ...common, variables: { owner: 'me' } },
    { ...common, variables: { owner: 'me', after: '2' } },
    { ...common, variables: { owner: 'me', after: '4' } },
  ])
})

test('one answer without pages is one page', async () => {
  const server = await issues(() => ({ data: { all: [1, 2] } }))
  expect(recordsOf(await collect(server.read({ path: ['all'], paging: { kind: 'none' } })))).toEqual([[1, 2]])
})

describe('an answer with errors', () => {
  const partial = { repository: { issues: { nodes: [1, null], pageInfo: { hasNextPage: false, endCursor: null } } } }

  test('is an error with their messages and paths, and the part that is there is not loaded', async () => {
    const errors = [
      { message: 'may not\nsee this, s3cr3t-token', path: ['repository', 'issues', 'nodes', 1], extensions: { code: 'FORBIDDEN' } },
      { message: 'out of order' },
      { message: 'x'.repeat(1000) },
      { message: 'the fourth' },
    ]
    const server = await issues(() => ({ data: partial, errors }))
    const error = await sourceErrorOf(collect(server.read({ auth: { kind: 'bearer', token: 's3cr3t-token' } })))
    expect(error).toMatchObject({ code: 'GRAPHQL_ERRORS', retryable: false })
    expect(error.message).toBe(
      `POST ${server.url}/graphql answered with errors: may not see this, [redacted] (at repository.issues.nodes.1); out of order; ${'x'.repeat(300)}…; and 1 more`,
    )
  })

  test.each([
    ['THROTTLED', true],
    ['INTERNAL_SERVER_ERROR', true],
    [undefined, true],
    ['GRAPHQL_VALIDATION_FAILED', false],
    ['UNAUTHENTICATED', false],
  ])('of code %s may be asked again: %s', async (code, retryable) => {
    const server = await issues(() => ({ errors: [{ message: 'no', extensions: code === undefined ? undefined : { code } }] }))
    expect(await sourceErrorOf(collect(server.read()))).toMatchObject({ code: 'GRAPHQL_ERRORS', retryable })
  })

  test('that are nothing GraphQL knows is one too', async () => {
    const server = await issues(() => ({ data: partial, errors: 'something' }))
    expect(await sourceErrorOf(collect(server.read()))).toMatchObject({ code: 'GRAPHQL_ERRORS' })
  })

  test('on the second page leaves the first', async () => {
    const server = await issues(({ variables }) => (variables['after'] === undefined ? undefined : { data: null, errors: [{ message: 'gone' }] }))
    const pages = server.read()
    const first = await pages.next()
    expect(recordsOf(first.done === true ? [] : [first.value])).toEqual([[1, 2]])
    expect(await sourceErrorOf(pages.next())).toMatchObject({ code: 'GRAPHQL_ERRORS' })
  })

  test('is told from data in which errors is a name, and from an empty list of them', async () => {
    const server = await issues(() => ({
      errors: [],
      data: { repository: { issues: { errors: [1], nodes: [{ errors: ['mine'] }], pageInfo: { hasNextPage: false } } } },
    }))
    expect(recordsOf(await collect(server.read()))).toEqual([[{ errors: ['mine'] }]])
  })
})

describe('an answer without', () => {
  test.each([
    ['the object', { data: { repository: null } }, 'nothing at data.repository.issues'],
    ['the connection', { data: { repository: { issues: null } } }, 'null at data.repository.issues'],
    ['data', { data: null }, 'nothing at data.repository.issues'],
    ['anything', {}, 'nothing at data.repository.issues'],
  ])('%s is an error, not an empty table', async (_, answer, said) => {
    const server = await issues(() => answer)
    const error = await sourceErrorOf(collect(server.read()))
    expect(error).toMatchObject({ code: 'GRAPHQL_PATH', retryable: false })
    expect(error.message).toContain(said)
  })

  test('pageInfo is an error, not the last page', async () => {
    const server = await issues(() => ({ data: { repository: { issues: { nodes: [1] } } } }))
    expect(await sourceErrorOf(collect(server.read()))).toMatchObject({ code: 'GRAPHQL_PAGE_INFO', retryable: false })
  })
})
