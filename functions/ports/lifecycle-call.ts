// CompleteLifecycleAction of Auto Scaling: one small call, signed and sent by the EC2 client's own means.
//
// Auto Scaling has a client of its own in AWS's SDK; for a single call without an answer the signer, credentials and
// connections of the EC2 client are enough, and a bundle stays smaller by it.
import type { EC2Client } from '@aws-sdk/client-ec2'
import type { LifecycleAction } from './ec2.ts'

export interface LifecycleCall {
  readonly region: string
  /** Of an emulator; absent: AWS itself. */
  readonly endpoint: string | undefined
  readonly action: LifecycleAction
  readonly instanceId: string
}

/** `over`: Auto Scaling waits for this action no more. Throws on any other refusal, and when there is no answer. */
export async function completeLifecycleAction(
  client: EC2Client,
  { region, endpoint, action, instanceId }: LifecycleCall,
  signal: AbortSignal | undefined,
): Promise<'completed' | 'over'> {
  const url = new URL(endpoint ?? `https://autoscaling.${region}.amazonaws.com/`)
  const body = new URLSearchParams({
    Action: 'CompleteLifecycleAction',
    Version: '2011-01-01',
    AutoScalingGroupName: action.group,
    LifecycleHookName: action.hook,
    LifecycleActionToken: action.token,
    LifecycleActionResult: 'CONTINUE',
    InstanceId: instanceId,
  }).toString()
  const request = {
    method: 'POST',
    protocol: url.protocol,
    hostname: url.hostname,
    ...(url.port === '' ? {} : { port: Number(url.port) }),
    path: '/',
    query: {},
    headers: { host: url.host, 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
    body,
  }
  const signer = await client.config.signer({
    name: 'sigv4',
    signingName: 'autoscaling',
    signingRegion: region,
    properties: {},
  })
  const signed = await signer.sign(request)
  const response = await fetch(url, {
    method: 'POST',
    headers: withoutHost(signed.headers),
    body,
    ...(signal === undefined ? {} : { signal }),
  })
  if (response.ok) return 'completed'
  const said = await response.text()
  if (response.status === 400 && /No active Lifecycle Action found/i.test(said)) return 'over'
  throw new Error(`Auto Scaling refused to complete the action: ${response.status} ${said.slice(0, 300)}`)
}

/** `fetch` sets it by itself, to the same. */
function withoutHost(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'host'))
}
