// EC2 by plain signed calls: DescribeInstances in batches, page by page, and Auto Scaling's one call.
//
// The SDK's client of EC2 knows six hundred operations and cannot be shaken: 550 KB in a function that needs one.

import { type Clock, sleep } from '../../protocol/clock.ts'
import type { Ec2, LifecycleActions } from './ec2.ts'
import { CALL_TIMEOUT_MS, type Describe, lookUpInBatches, reasonOf, seenAs } from './ec2-looking.ts'
import { addressOf, type Credentials, signer } from './signature.ts'
import { childrenOf, readXml, textOf, type XmlElement } from './xml.ts'

export interface Ec2QueryOptions {
  readonly region: string
  /** Absent: an emulator that asks for none. */
  readonly credentials: Credentials | undefined
  /** Of an emulator; absent: AWS itself. */
  readonly endpoint?: string | undefined
  readonly clock: Clock
  /** A call that takes longer counts as no answer, ms. */
  readonly callTimeoutMs?: number | undefined
}

/** Waits before the second and third try, ms: the next look is a tick away. */
const WAITS_MS = [100, 200] as const

/** An answer that is an error, with the service's own name for it. */
class QueryError extends Error {
  readonly status: number

  constructor(code: string, message: string, status: number) {
    super(message)
    this.name = code
    this.status = status
  }
}

export function ec2Query(options: Ec2QueryOptions): Ec2 & LifecycleActions {
  return {
    lookUp: (instanceIds, signal) =>
      lookUpInBatches(instanceIds, (batch, note) => describe(options, signal, batch, note)),
    async complete({ group, hook, token }, instanceId, signal) {
      const parameters = {
        Action: 'CompleteLifecycleAction',
        Version: '2011-01-01',
        AutoScalingGroupName: group,
        LifecycleHookName: hook,
        LifecycleActionToken: token,
        LifecycleActionResult: 'CONTINUE',
        InstanceId: instanceId,
      }
      try {
        await asked(options, 'autoscaling', parameters, signal)
        return 'completed'
      } catch (error) {
        const isOver = error instanceof QueryError && /No active Lifecycle Action found/i.test(error.message)
        if (isOver) return 'over'
        throw new Error(`Auto Scaling did not complete the action: ${reasonOf(error)}`, { cause: error })
      }
    },
  }
}

async function describe(
  options: Ec2QueryOptions,
  signal: AbortSignal | undefined,
  ...[batch, note]: Parameters<Describe>
): Promise<number> {
  const filter = {
    Action: 'DescribeInstances',
    Version: '2016-11-15',
    MaxResults: '1000',
    'Filter.1.Name': 'instance-id',
    ...Object.fromEntries(batch.map((id, index) => [`Filter.1.Value.${index + 1}`, id])),
  }
  let calls = 0
  let token: string | undefined
  do {
    const parameters = token === undefined ? filter : { ...filter, NextToken: token }
    const page = await asked(options, 'ec2', parameters, signal)
    calls++
    for (const reservation of childrenOf(page, 'reservationSet', 'item'))
      for (const instance of childrenOf(reservation, 'instancesSet', 'item'))
        note(textOf(instance, 'instanceId'), seenOf(instance))
    token = textOf(page, 'nextToken') || undefined
  } while (token !== undefined)
  return calls
}

function seenOf(instance: XmlElement) {
  const why = textOf(instance, 'reason') || textOf(instance, 'stateReason', 'code')
  return seenAs(textOf(instance, 'instanceState', 'name'), why)
}

/** Three tries; what is refused for good is thrown at once. */
async function asked(
  options: Ec2QueryOptions,
  service: 'ec2' | 'autoscaling',
  parameters: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): Promise<XmlElement> {
  for (const waitMs of WAITS_MS) {
    try {
      return await askedOnce(options, service, parameters, signal)
    } catch (error) {
      if (signal?.aborted === true || !passesByItself(error)) throw error
      await sleep(options.clock, waitMs, signal)
    }
  }
  return await askedOnce(options, service, parameters, signal)
}

function passesByItself(error: unknown): boolean {
  if (!(error instanceof QueryError)) return true
  return error.status >= 500 || /Throttl|RequestLimitExceeded/.test(error.name)
}

async function askedOnce(
  { region, credentials, endpoint, callTimeoutMs = CALL_TIMEOUT_MS }: Ec2QueryOptions,
  service: 'ec2' | 'autoscaling',
  parameters: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): Promise<XmlElement> {
  const url = new URL('/', endpoint ?? addressOf(service, region))
  const body = new URLSearchParams(parameters).toString()
  const plain = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' }
  const sign = credentials === undefined ? undefined : signer({ region, credentials, service })
  const signed: Readonly<Record<string, string>> = (await sign?.({ url, headers: plain, body })) ?? plain
  // `fetch` sets it by itself, to the same.
  const { host: _, ...headers } = signed
  const inTime = AbortSignal.timeout(callTimeoutMs)
  const response = await fetch(url, {
    method: 'POST',
    headers,
    body,
    signal: signal === undefined ? inTime : AbortSignal.any([inTime, signal]),
  })
  const answer = readXml(await response.text())
  if (response.ok && answer !== undefined) return answer
  throw errorOf(answer, response.status)
}

/** EC2 wraps its error twice, Auto Scaling once. */
function errorOf(answer: XmlElement | undefined, status: number): QueryError {
  const [error] = [...childrenOf(answer, 'Errors', 'Error'), ...childrenOf(answer, 'Error')]
  return new QueryError(
    textOf(error, 'Code') ?? `HTTP ${status}`,
    textOf(error, 'Message') ?? 'the answer says nothing more',
    status,
  )
}
