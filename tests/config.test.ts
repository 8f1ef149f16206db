import { describe, expect, test } from 'vitest'
import { readConfig, spoolName } from '../src/config.ts'

const spoolOf = (MILLRACE_SPOOL: string, more: Record<string, string> = {}) => readConfig({ MILLRACE_SPOOL, ...more }, '/project').spool

describe('MILLRACE_SPOOL', () => {
  test('is a folder, a Redis or a bucket', () => {
    expect(readConfig({}, '/project').spool).toEqual({ kind: 'files', folder: '/project/.millrace/spool' })
    expect(spoolOf('batches')).toEqual({ kind: 'files', folder: '/project/batches' })
    expect(spoolOf('/var/redis')).toEqual({ kind: 'files', folder: '/var/redis' })
    expect(spoolOf('redis', { REDIS_URL: 'redis://one:6379', MILLRACE_QUEUE_PREFIX: 'mine' })).toEqual({
      kind: 'redis',
      url: 'redis://one:6379',
      prefix: 'mine',
    })
    expect(spoolOf('rediss://u:hush@two:6380/1')).toEqual({ kind: 'redis', url: 'rediss://u:hush@two:6380/1', prefix: 'millrace' })
    expect(spoolOf('s3://bucket/a/b/')).toMatchObject({
      kind: 's3',
      bucket: 'bucket',
      prefix: 'a/b',
      endpoint: undefined,
      region: undefined,
      pathStyle: undefined,
    })
    expect(spoolOf('s3://bucket?endpoint=http://minio:9000&region=here&pathStyle=false')).toMatchObject({
      bucket: 'bucket',
      prefix: '',
      endpoint: 'http://minio:9000',
      region: 'here',
      pathStyle: false,
    })
  })

  test('is named without its secrets', () => {
    expect(spoolName(spoolOf('rediss://u:hush@two:6380/1'))).toBe('redis://two:6380')
    expect(spoolName(spoolOf('s3://bucket/a/'))).toBe('s3://bucket/a')
    expect(spoolName(spoolOf('s3://bucket'))).toBe('s3://bucket')
  })

  test.for([
    ['http://host/folder', {}, 'MILLRACE_SPOOL'],
    ['s3://', {}, 'MILLRACE_SPOOL'],
    ['redis', {}, 'REDIS_URL is not set'],
  ] as const)('%s cannot be used', ([value, env, said]) => {
    expect(() => spoolOf(value, env)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(said) }))
  })
})
