import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { createS3Client } from '../src/s3-client.ts'
import { atFileEnd, expect, test } from './support/test.ts'
import { startS3Server } from './support/s3.ts'

test('a client of the standard variables talks to the store that they name', async () => {
  const { env, bucket } = await startS3Server()
  const { client, commands } = await createS3Client({ env })
  atFileEnd(async () => client.destroy())
  await client.send(new commands.PutObjectCommand({ Bucket: bucket, Key: 'a/b', Body: Buffer.from('hello') }))
  const { Body } = await client.send(new commands.GetObjectCommand({ Bucket: bucket, Key: 'a/b' }))
  expect(await Body?.transformToString()).toBe('hello')
})

test('what is given wins over the variables, and what neither has is left to the SDK', async () => {
  const env = {
    AWS_ENDPOINT_URL: 'http://one:1',
    AWS_REGION: 'eu-west-3',
    AWS_ACCESS_KEY_ID: 'key',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_SESSION_TOKEN: 'token',
  }
  const configured = async (settings: Parameters<typeof createS3Client>[0]) => {
    const { client } = await createS3Client(settings)
    const { forcePathStyle, endpoint, region, credentials } = client.config
    client.destroy()
    return { forcePathStyle, host: (await endpoint?.())?.hostname, region: await region(), credentials }
  }
  const named = await configured({ env })
  expect(named).toMatchObject({ forcePathStyle: true, host: 'one', region: 'eu-west-3' })
  expect(await named.credentials()).toMatchObject({ accessKeyId: 'key', secretAccessKey: 'secret', sessionToken: 'token' })
  expect(await configured({ env, endpoint: 'http://two:2', region: 'us-west-1', pathStyle: false })).toMatchObject({
    forcePathStyle: false,
    host: 'two',
    region: 'us-west-1',
  })
  expect(await configured({ env: { AWS_ENDPOINT_URL: 'http://one:1', AWS_ENDPOINT_URL_S3: 'http://three:3' } })).toMatchObject({
    forcePathStyle: true,
    host: 'three',
    region: 'us-east-1',
  })
  expect(await configured({ env: { AWS_REGION: 'eu-west-3' } })).toMatchObject({ forcePathStyle: false, region: 'eu-west-3' })
})

test('without the package it says which to install', () => {
  const program = `
    import { registerHooks } from 'node:module'
    registerHooks({ resolve(specifier, context, next) { return next(specifier === '@aws-sdk/client-s3' ? '@aws-sdk/not-installed' : specifier, context) } })
    const { createS3Client } = await import(${JSON.stringify(new URL('../src/s3-client.ts', import.meta.url).href)})
    await createS3Client().catch(({ name, code, hint }) => console.log(JSON.stringify({ name, code, hint })))`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    encoding: 'utf8',
  })
  expect(JSON.parse(stdout || stderr)).toEqual({
    name: 'ConfigError',
    code: 'S3_PACKAGE_MISSING',
    hint: 'Install it beside millrace: npm install @aws-sdk/client-s3',
  })
})
