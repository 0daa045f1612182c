// Whether a request may pass the gateway: HTTP Basic against the principals of the cluster's secret.
//
// Signed calls of agents are checked by the gateway itself and never come here.
import type { Clock } from '../../protocol/clock.ts'
import type { Log } from '../environment.ts'
import { authenticated, type PrincipalEntry, readPrincipals } from './credentials.ts'

/** A secret that was changed counts after this at the latest. */
const KEPT_MS = 5 * 60_000

/** The part of a REQUEST authorizer's event that is read. */
export interface AuthorizerEvent {
  readonly methodArn: string
  readonly headers?: Readonly<Record<string, string | undefined>> | null | undefined
}

export interface Authorization {
  readonly principalId: string
  readonly policyDocument: {
    readonly Version: '2012-10-17'
    readonly Statement: readonly [
      { readonly Action: 'execute-api:Invoke'; readonly Effect: 'Allow'; readonly Resource: string },
    ]
  }
  /** Flat: the gateway hands it to the functions as `requestContext.authorizer`. */
  readonly context: { readonly principal: string }
}

export interface AuthorizerOptions {
  readonly readSecret: () => Promise<string>
  readonly clock: Pick<Clock, 'now'>
  readonly log: Log
}

/**
 * Throws `Unauthorized`, which the gateway answers with 401, for whoever is not known; any other failure is its 500.
 * The policy allows the whole stage, because the gateway keeps it for every path of the same header.
 */
export function authorizer(options: AuthorizerOptions): (event: AuthorizerEvent) => Promise<Authorization> {
  const principals = kept(options)
  return async ({ methodArn, headers }) => {
    const header = Object.entries(headers ?? {}).find(([name]) => name.toLowerCase() === 'authorization')?.[1]
    const principal = await authenticated(header, await principals())
    // The text is what the gateway looks for.
    if (principal === undefined) throw new Error('Unauthorized')
    return {
      principalId: principal,
      policyDocument: {
        Version: '2012-10-17',
        Statement: [{ Action: 'execute-api:Invoke', Effect: 'Allow', Resource: stageOf(methodArn) }],
      },
      context: { principal },
    }
  }
}

/** `arn:…:<api>/<stage>/POST/api/v1` is `arn:…:<api>/<stage>/*`. */
function stageOf(methodArn: string): string {
  return `${methodArn.split('/').slice(0, 2).join('/')}/*`
}

/** Read anew every five minutes; while that fails, what was read before still counts. */
function kept({
  readSecret,
  clock,
  log,
}: AuthorizerOptions): () => Promise<ReadonlyMap<string, PrincipalEntry>> {
  let known: { readonly principals: ReadonlyMap<string, PrincipalEntry>; readonly at: number } | undefined
  return async () => {
    const now = clock.now()
    if (known !== undefined && now - known.at < KEPT_MS) return known.principals
    try {
      known = { principals: readPrincipals(await readSecret()), at: now }
    } catch (error) {
      if (known === undefined) throw error
      log.error('secret not read', { error: error instanceof Error ? error.message : String(error) })
    }
    return known.principals
  }
}
