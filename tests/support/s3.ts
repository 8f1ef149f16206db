import { startFauxqs } from 'fauxqs'
import { createS3Client } from '../../src/s3-client.ts'
import type { S3 } from '../../src/s3-client.ts'
import { atFileEnd } from './cleanup.ts'

export interface TestS3 extends S3 {
  readonly url: string
  readonly bucket: string
  /** What a process needs to find it. */
  readonly env: Readonly<Record<string, string>>
  /** Ends the server; it happens at the file's end by itself. */
  stop(): Promise<void>
}

/** An S3 server in this process, with an empty bucket. `port` starts it where another was. */
export async function startS3Server(port = 0): Promise<TestS3> {
  const server = await startFauxqs({ port, logger: false })
  const url = `http://127.0.0.1:${String(server.port)}`
  const bucket = 'millrace-tests'
  const env = { AWS_ENDPOINT_URL_S3: url, AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'secret-of-the-test' }
  const s3 = await createS3Client({ env })
  await s3.client.send(new s3.commands.CreateBucketCommand({ Bucket: bucket }))
  let stopping: Promise<void> | undefined
  const stop = (): Promise<void> => {
    s3.client.destroy()
    return (stopping ??= server.stop())
  }
  atFileEnd(stop)
  return { ...s3, url, bucket, env, stop }
}
