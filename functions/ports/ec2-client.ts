// EC2 through AWS's SDK: DescribeInstances in batches of two hundred, page by page, with time-outs of ours.
import { DescribeInstancesCommand, EC2Client, type EC2ClientConfig, type Instance } from '@aws-sdk/client-ec2'
import type { InstanceSeen, InstanceState } from '../../master/detection/proof.ts'
import { type Ec2, INSTANCES_PER_CALL, isInstanceId, type LifecycleActions } from './ec2.ts'
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

const CALL_TIMEOUT_MS = 2_000
/** Three tries at a throttled call, 100 ms and more apart by the SDK's own backoff: the next look is a tick away. */
const MAX_ATTEMPTS = 3

const STATES: ReadonlySet<string> = new Set<InstanceState>([
  'pending',
  'running',
  'shutting-down',
  'terminated',
  'stopping',
  'stopped',
])

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
    async lookUp(instanceIds, signal) {
      const ids = [...new Set(instanceIds)].filter(isInstanceId)
      const seen = new Map<string, InstanceSeen>()
      let calls = 0
      for (let start = 0; start < ids.length; start += INSTANCES_PER_CALL) {
        const batch = ids.slice(start, start + INSTANCES_PER_CALL)
        try {
          calls += await describe(client, batch, seen, signal)
        } catch (error) {
          // One failure is enough: the next would be throttled or refused as well.
          return { seen, calls: calls + 1, failed: reasonOf(error) }
        }
      }
      return { seen, calls }
    },
    complete: (action, instanceId, signal) =>
      completeLifecycleAction(client, { region, endpoint, action, instanceId }, signal),
    close: () => client.destroy(),
  }
}

/**
 * Asked by a filter and not by `InstanceIds`: there one id that EC2 does not know fails the call for all the others.
 * The number of calls made, which is that of the pages.
 */
async function describe(
  client: EC2Client,
  batch: readonly string[],
  seen: Map<string, InstanceSeen>,
  signal: AbortSignal | undefined,
): Promise<number> {
  const asked = new Set(batch)
  const sending = signal === undefined ? {} : { abortSignal: signal }
  let calls = 0
  let NextToken: string | undefined
  do {
    const input = { Filters: [{ Name: 'instance-id', Values: [...batch] }], MaxResults: 1_000, NextToken }
    const page = await client.send(new DescribeInstancesCommand(input), sending)
    calls++
    for (const instance of (page.Reservations ?? []).flatMap(({ Instances }) => Instances ?? [])) {
      const id = instance.InstanceId
      if (id !== undefined && asked.has(id)) seen.set(id, seenOf(instance))
    }
    NextToken = page.NextToken
  } while (NextToken !== undefined && NextToken !== '')
  return calls
}

function seenOf({ State, StateReason, StateTransitionReason }: Instance): InstanceSeen {
  const name = State?.Name ?? ''
  // The set holds exactly the names of the type.
  const state = STATES.has(name) ? (name as InstanceState) : 'unknown'
  const why = StateTransitionReason || StateReason?.Code
  return why === undefined || why === '' ? { state } : { state, why }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'AbortError' || error.name === 'TimeoutError') return 'EC2 did not answer in time'
  return `${error.name}: ${error.message}`
}
