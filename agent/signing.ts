// Signs the agent's calls with the role of its machine: to a control plane on AWS, which knows it by that (R16).
import type { Clock } from '../protocol/clock.ts'
import { Sha256 } from '../protocol/sha256.ts'

export interface Unsigned {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Gives all headers of a POST, the signature among them. Rejects when there are no credentials. */
export type Sign = (request: Unsigned) => Promise<Readonly<Record<string, string>>>

/**
 * For API Gateway, with the credentials that AWS's tools would use. Credentials and their library are looked up with
 * the first call: agents of one machine need neither.
 * @param region unless the host's name says it
 */
export function signing(clock: Clock, region: string | undefined): Sign {
  let loading: ReturnType<typeof loadSigner> | undefined
  return async ({ url, headers, body }) => {
    const where = regionOf(url.hostname) ?? region
    if (where === undefined) throw new Error(`AWS_REGION is not set: calls to ${url.host} cannot be signed`)
    loading ??= loadSigner(where)
    const signer = await loading
    const request = {
      method: 'POST',
      protocol: url.protocol,
      hostname: url.hostname,
      ...(url.port === '' ? {} : { port: Number(url.port) }),
      path: url.pathname,
      query: {},
      headers: { ...headers, host: url.host },
      body,
    }
    const signed = await signer.sign(request, { signingDate: new Date(clock.now()) })
    // `fetch` says the host itself.
    const { host: _, ...rest } = signed.headers
    return rest
  }
}

/** `id.execute-api.eu-west-1.amazonaws.com`; undefined for a domain of one's own. */
function regionOf(hostname: string): string | undefined {
  return /\.execute-api\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?$/.exec(hostname)?.[1]
}

async function loadSigner(region: string) {
  const [{ SignatureV4 }, { defaultProvider }] = await Promise.all([
    import('@smithy/signature-v4'),
    import('@aws-sdk/credential-provider-node'),
  ])
  return new SignatureV4({
    service: 'execute-api',
    region,
    credentials: defaultProvider(),
    sha256: Sha256,
  })
}
