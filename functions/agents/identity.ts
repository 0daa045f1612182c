// On which EC2 instance a caller runs: AWS says it of a signed call; on emulators, which name nobody useful, the call.
//
// An agent signs with its instance's role, so IAM knows the session as `ROLEID:i-…` (its ARN ends in `/i-…`). What the
// call itself says counts for nothing then: a stolen or copied disk must not speak for another machine (A6, R16).
import type { RegisterCall } from '../../protocol/agent-messages.ts'
import type { Environment } from '../environment.ts'
import type { HttpRequest } from '../http/types.ts'
import { isInstanceId } from '../ports/ec2.ts'

/** The call as it is believed; a sentence when AWS says that its caller is no instance. */
export function identified(
  env: Environment,
  call: RegisterCall,
  { caller }: Pick<HttpRequest, 'caller'>,
): RegisterCall | { readonly refused: string } {
  const { instanceId: claimed, ...rest } = call
  if (env.settings.agentIdentity === 'signed') {
    const instanceId = instanceOf(caller)
    if (instanceId === undefined) {
      return { refused: 'The call is not signed by the role of an EC2 instance; agents run on instances' }
    }
    return { ...rest, instanceId }
  }
  // Only ids of EC2's form can be looked up: another platform's are nothing to ask EC2 about.
  return claimed !== undefined && isInstanceId(claimed) ? { ...rest, instanceId: claimed } : rest
}

/** `AROAEXAMPLE:i-0123…` or `arn:aws:sts::1:assumed-role/Role/i-0123…`; undefined for any other session. */
export function instanceOf(caller: string | undefined): string | undefined {
  const session = caller?.split(/[:/]/).at(-1) ?? ''
  return isInstanceId(session) ? session : undefined
}
