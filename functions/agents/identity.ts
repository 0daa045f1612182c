// On which EC2 instance a caller runs: AWS says it of a signed call; on emulators, which name nobody useful, the call.
//
// An agent signs with its instance's role, so IAM knows the session as `ROLEID:i-…` (its ARN ends in `/i-…`). What the
// call itself says counts for nothing then: a stolen or copied disk must not speak for another machine (A6, R16).
import type { Ledger } from '../../master/model.ts'
import type { AgentCall } from '../../protocol/agent-messages.ts'
import type { Environment } from '../environment.ts'
import type { HttpRequest } from '../http/types.ts'
import { isInstanceId } from '../ports/ec2.ts'

/** A call with the instance that signed it; absent where signatures say nothing. */
export type Signed<C> = C & { readonly signer?: string | undefined }

/** The call as it is believed; a sentence when AWS says that its caller is no instance. */
export function identified(
  env: Environment,
  call: AgentCall,
  { caller }: Pick<HttpRequest, 'caller'>,
): Signed<AgentCall> | { readonly refused: string } {
  if (env.settings.agentIdentity === 'claimed') return withClaim(call)
  const signer = instanceOf(caller)
  if (signer === undefined) {
    return { refused: 'The call is not signed by the role of an EC2 instance; agents run on instances' }
  }
  return call.type === 'REGISTER' ? { ...call, instanceId: signer } : { ...call, signer }
}

/** Only ids of EC2's form can be looked up: another platform's are nothing to ask EC2 about. */
function withClaim(call: AgentCall): AgentCall {
  if (call.type !== 'REGISTER' || call.instanceId === undefined || isInstanceId(call.instanceId)) return call
  const { instanceId: _, ...rest } = call
  return rest
}

/** Why this signer may not speak for this agent; undefined: it may, or nothing is known of either. */
export function foreign(
  { agentId, instanceId }: Pick<Ledger, 'agentId' | 'instanceId'>,
  { signer }: { readonly signer?: string | undefined },
): string | undefined {
  if (signer === undefined || instanceId === undefined || signer === instanceId) return undefined
  return `Agent ${agentId} belongs to EC2 instance ${instanceId}; ${signer} cannot speak for it`
}

/** `AROAEXAMPLE:i-0123…` or `arn:aws:sts::1:assumed-role/Role/i-0123…`; undefined for any other session. */
export function instanceOf(caller: string | undefined): string | undefined {
  const session = caller?.split(/[:/]/).at(-1) ?? ''
  return isInstanceId(session) ? session : undefined
}
