// Signature version 4 of AWS's own signer, and where AWS's services are: all that plain calls need of the SDK.
import { SignatureV4 } from '@smithy/signature-v4'
import type { Sign } from '../../protocol/aws-json.ts'
import { Sha256 } from '../../protocol/sha256.ts'

export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

export interface SignerOptions {
  readonly region: string
  readonly credentials: Credentials
  /** As signatures name it: `dynamodb`, `sqs`, `ec2` … */
  readonly service: string
}

/** A service's address in a region; partitions beyond these two name theirs with AWS_ENDPOINT_URL. */
export function addressOf(service: string, region: string): string {
  return `https://${service}.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`
}

/** Signs POSTs without a query, as all our calls are. */
export function signer({ region, credentials, service }: SignerOptions): Sign {
  const signature = new SignatureV4({
    service,
    region,
    credentials,
    sha256: Sha256,
  })
  return async ({ url, headers, body }) => {
    const { protocol, hostname, host, pathname: path } = url
    const request = {
      method: 'POST',
      protocol,
      hostname,
      path,
      query: {},
      headers: { ...headers, host },
      body,
    }
    return (await signature.sign(request)).headers
  }
}
