// EC2 through AWS's SDK: DescribeInstances in batches of two hundred, page by page, with time-outs of ours.
import { DescribeInstancesCommand, EC2Client, type EC2ClientConfig } from '@aws-sdk/client-ec2'
import type { Ec2, LifecycleActions } from './ec2.ts'
import { CALL_TIMEOUT_MS, type Describe, lookUpInBatches, seenAs } from './ec2-looking.ts'
import { completeLifecycleAction } from './lifecycle-call.ts'

export interface Ec2ClientOptions {
  readonly region: string
  /** Of an emulator; absent: AWS itself. */
  readonly endpoint?: string | undefined
  /** Absent: the machine's own. */
  readonly credentials?: EC2ClientConfig['credentials']
  /** A call that takes longer counts as no answer, ms. */
  readonly callTimeoutMs?: number | undefined
}

export interface Ec2Connection extends Ec2, LifecycleActions {
  close(): void
}

/** Three tries at a throttled call, 100 ms and more apart by the SDK's own backoff: the next look is a tick away. */
const MAX_ATTEMPTS = 3

export function ec2Client(options: Ec2ClientOptions): Ec2Connection {
  const { region, endpoint, credentials, callTimeoutMs = CALL_TIMEOUT_MS } = options
  const client = new EC2Client({
    region,
    maxAttempts: MAX_ATTEMPTS,
    requestHandler: {
      connectionTimeout: callTimeoutMs,
      requestTimeout: callTimeoutMs,
      throwOnRequestTimeout: true,
    },
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
  })
  return {
    lookUp: (instanceIds, signal) =>
      lookUpInBatches(instanceIds, (batch, note) => describe(client, signal, batch, note)),
    complete: (action, instanceId, signal) =>
      completeLifecycleAction(client, { region, endpoint, action, instanceId }, signal),
    close: () => client.destroy(),
  }
}

async function describe(
  client: EC2Client,
  signal: AbortSignal | undefined,
  ...[batch, note]: Parameters<Describe>
): Promise<number> {
  const sending = signal === undefined ? {} : { abortSignal: signal }
  let calls = 0
  let NextToken: string | undefined
  do {
    const input = { Filters: [{ Name: 'instance-id', Values: [...batch] }], MaxResults: 1_000, NextToken }
    const page = await client.send(new DescribeInstancesCommand(input), sending)
    calls++
    for (const instance of (page.Reservations ?? []).flatMap(({ Instances }) => Instances ?? [])) {
      const { InstanceId, State, StateReason, StateTransitionReason } = instance
      note(InstanceId, seenAs(State?.Name, StateTransitionReason || StateReason?.Code))
    }
    NextToken = page.NextToken
  } while (NextToken !== undefined && NextToken !== '')
  return calls
}
