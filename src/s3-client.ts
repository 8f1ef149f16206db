import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3'
import { ConfigError } from './errors.ts'

type S3Package = typeof import('@aws-sdk/client-s3')

/** Where an S3 store is and who asks; what is left out comes from the standard variables `AWS_*`, then from where the AWS SDK looks. */
export interface S3Settings {
  /** Of a store other than Amazon's: `http://minio:9000`. Default: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL. */
  readonly endpoint?: string | undefined
  /** Default: AWS_REGION, AWS_DEFAULT_REGION, the profile's; `us-east-1` where there is an endpoint, which mostly ignores it. */
  readonly region?: string | undefined
  /** The bucket in the path and not in the host's name. Default: true where there is an endpoint. */
  readonly pathStyle?: boolean | undefined
  /** Default: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, else profiles, web identity, the machine's role. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string } | undefined
  /** Where the variables are read. Default: this process's. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** A client, and the commands to send with it: the package is loaded only where S3 is used. */
export interface S3 {
  readonly client: S3Client
  readonly commands: S3Package
}

/** How long a connection and an answer may take, in ms. */
const connectionTimeout = 5000
const requestTimeout = 30_000

/**
 * A client of an S3 store. Nothing is asked of the store yet; `client.destroy()` closes it.
 * @throws ConfigError `S3_PACKAGE_MISSING` where `@aws-sdk/client-s3` is not installed
 */
export async function createS3Client(settings: S3Settings = {}): Promise<S3> {
  const commands = await loadPackage()
  return { client: new commands.S3Client(configOf(settings)), commands }
}

function configOf({ endpoint: chosen, region, pathStyle, credentials, env = process.env }: S3Settings): S3ClientConfig {
  const endpoint = chosen ?? env['AWS_ENDPOINT_URL_S3'] ?? env['AWS_ENDPOINT_URL']
  const place = region ?? env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'] ?? (endpoint === undefined ? undefined : 'us-east-1')
  const keys = credentials ?? credentialsOf(env)
  return {
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(place === undefined ? {} : { region: place }),
    forcePathStyle: pathStyle ?? endpoint !== undefined,
    ...(keys === undefined ? {} : { credentials: keys }),
    // The checksums that newer SDKs send of their own accord are refused by many stores that are not Amazon's.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: 3,
    requestHandler: { connectionTimeout, requestTimeout },
  }
}

function credentialsOf(env: Readonly<Record<string, string | undefined>>): S3Settings['credentials'] {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: sessionToken } = env
  return accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) } : undefined
}

async function loadPackage(): Promise<S3Package> {
  try {
    return await import('@aws-sdk/client-s3')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')) throw error
    throw new ConfigError('S3 is used, and the package @aws-sdk/client-s3 is not installed.', {
      code: 'S3_PACKAGE_MISSING',
      hint: 'Install it beside millrace: npm install @aws-sdk/client-s3',
      cause: error,
    })
  }
}
