// Where a command's calls to AWS go, and the few calls that are made without a client of their own.
import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto'
import { defaultProvider } from '@aws-sdk/credential-provider-node'
import { SignatureV4 } from '@smithy/signature-v4'

type Credentials = { readonly accessKeyId: string; readonly secretAccessKey: string }

export interface Place {
  readonly region: string
  /** Of an emulator. */
  readonly endpoint?: string | undefined
  /** Of an emulator, which takes any; absent: those that AWS's tools find. */
  readonly credentials?: Credentials | undefined
}

/** An emulator's account and its key, where the environment says nothing else. */
export const EMULATED_ACCOUNT = '000000000000'

/** @param endpoint of an emulator; what the environment says when absent */
export function placeOf(endpoint = process.env.AWS_ENDPOINT_URL || undefined): Place {
  const { AWS_REGION, AWS_DEFAULT_REGION, AWS_ACCESS_KEY_ID } = process.env
  const region = AWS_REGION || AWS_DEFAULT_REGION || undefined
  if (endpoint === undefined) {
    if (region !== undefined) return { region }
    throw new Error('AWS_REGION is not set; it says where the cluster is, such as AWS_REGION=eu-west-1')
  }
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  return {
    region: region ?? 'us-east-1',
    endpoint,
    ...(AWS_ACCESS_KEY_ID === undefined ? { credentials } : {}),
  }
}

/** The environment in which the CDK and its like find the place. */
export function variablesOf({
  region,
  endpoint,
  credentials,
}: Place): Readonly<Record<string, string | undefined>> {
  const { accessKeyId, secretAccessKey } = credentials ?? {}
  return {
    ...process.env,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    ...(endpoint === undefined ? {} : { AWS_ENDPOINT_URL: endpoint, AWS_EC2_METADATA_DISABLED: 'true' }),
    ...(accessKeyId === undefined
      ? {}
      : { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey }),
  }
}

/** A call of a service that speaks JSON: `Logs_20140328.DescribeLogGroups`. Throws AWS's word for what is wrong. */
export async function callJson(
  place: Place,
  service: string,
  target: string,
  input: unknown,
): Promise<Readonly<Record<string, unknown>>> {
  const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target }
  const answer = await signed(place, service, 'POST', '/', headers, JSON.stringify(input))
  const text = await answer.text()
  const said: Readonly<Record<string, unknown>> = text === '' ? {} : JSON.parse(text)
  if (answer.ok) return said
  // Some put a namespace before it.
  throw new AwsError(String(said.__type ?? answer.status).replace(/^.*#/, ''), String(said.message ?? text))
}

/** A GET of a service that has paths, such as Lambda. */
export async function getJson(
  place: Place,
  service: string,
  path: string,
): Promise<Readonly<Record<string, unknown>>> {
  const answer = await signed(place, service, 'GET', path, {}, '')
  if (!answer.ok) throw new AwsError(String(answer.status), await answer.text())
  return (await answer.json()) as Readonly<Record<string, unknown>>
}

/** A call of a service that answers XML, such as CloudFormation; its text. */
export async function callQuery(
  place: Place,
  service: string,
  input: Readonly<Record<string, string>>,
): Promise<string> {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const answer = await signed(place, service, 'POST', '/', headers, new URLSearchParams(input).toString())
  const text = await answer.text()
  if (answer.ok) return text
  const [, code = String(answer.status)] = /<Code>(.*?)<\/Code>/s.exec(text) ?? []
  throw new AwsError(code, text)
}

/** `code` is AWS's, such as ParameterNotFound. */
export class AwsError extends Error {
  override readonly name = 'AwsError'
  readonly code: string

  constructor(code: string, message: string) {
    super(`AWS answered ${code}: ${message}`)
    this.code = code
  }
}

async function signed(
  place: Place,
  service: string,
  method: string,
  pathAndQuery: string,
  headers: Readonly<Record<string, string>>,
  body: string,
): Promise<Response> {
  const domain = place.region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'
  const url = new URL(pathAndQuery, place.endpoint ?? `https://${service}.${place.region}.${domain}`)
  const signer = new SignatureV4({
    service,
    region: place.region,
    credentials: place.credentials ?? defaultProvider(),
    sha256: Sha256,
  })
  const request = await signer.sign({
    method,
    protocol: url.protocol,
    hostname: url.hostname,
    ...(url.port === '' ? {} : { port: Number(url.port) }),
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers: { ...headers, host: url.host },
    ...(body === '' ? {} : { body }),
  })
  return await fetch(url, { method, headers: request.headers, ...(body === '' ? {} : { body }) })
}

/** Node's own, in the form the signer asks for. */
class Sha256 {
  readonly #hash: Hash | Hmac

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash =
      secret === undefined ? createHash('sha256') : createHmac('sha256', secret as NodeJS.ArrayBufferView)
  }

  update(data: Uint8Array): void {
    this.#hash.update(data)
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest()
  }

  reset(): void {}
}
