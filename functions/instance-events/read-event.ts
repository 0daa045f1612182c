// Reads what EventBridge says of instances: four shapes, everything checked; the rest is no event or none of ours.
import { isInstanceId } from '../ports/ec2.ts'

export type InstanceEvent = { readonly instanceId: string; readonly looks: number } & (
  | { readonly kind: 'state'; readonly state: string }
  | { readonly kind: 'spot'; readonly at: number }
  | { readonly kind: 'rebalance' }
  | { readonly kind: 'hook'; readonly group: string; readonly hook: string; readonly token: string }
)

/** `poison`: nobody can ever read it. `other`: a sound event about something else, as a wide rule may bring it. */
export type ReadEvent =
  | { readonly event: InstanceEvent }
  | { readonly poison: string }
  | { readonly other: string }

/** EventBridge: an event has at most 256 KB, and one of these less than two. */
const MAX_CHARACTERS = 64 * 1024

export function readEvent(body: string): ReadEvent {
  const value = body.length > MAX_CHARACTERS ? undefined : parsed(body)
  if (value === undefined) return { poison: 'it is no JSON object of a sound size' }
  const { 'detail-type': type, source, time, looks = 0 } = value
  if (typeof type !== 'string' || typeof source !== 'string')
    return { poison: 'it is no event of EventBridge' }
  const isOurs = KINDS.has(`${source}/${type}`)
  if (!isOurs) return { other: `${source}: ${type}` }
  if (!isObject(value.detail)) return { poison: 'it has no detail' }
  if (typeof looks !== 'number' || !Number.isSafeInteger(looks) || looks < 0)
    return { poison: 'its looks are no count' }
  return eventOf(type, value.detail, typeof time === 'string' ? Date.parse(time) : Number.NaN, looks)
}

const STATE = 'EC2 Instance State-change Notification'
const SPOT = 'EC2 Spot Instance Interruption Warning'
const REBALANCE = 'EC2 Instance Rebalance Recommendation'
const HOOK = 'EC2 Instance-terminate Lifecycle Action'
const KINDS: ReadonlySet<string> = new Set([
  `aws.ec2/${STATE}`,
  `aws.ec2/${SPOT}`,
  `aws.ec2/${REBALANCE}`,
  `aws.autoscaling/${HOOK}`,
])

type Json = Readonly<Record<string, unknown>>

function eventOf(type: string, detail: Json, at: number, looks: number): ReadEvent {
  const instanceId = type === HOOK ? detail.EC2InstanceId : detail['instance-id']
  if (typeof instanceId !== 'string' || !isInstanceId(instanceId)) return { poison: 'it names no instance' }
  const about = { instanceId, looks }
  switch (type) {
    case STATE:
      return typeof detail.state === 'string'
        ? { event: { ...about, kind: 'state', state: detail.state } }
        : { poison: 'it names no state' }
    case SPOT:
      return Number.isNaN(at) ? { poison: 'it has no time' } : { event: { ...about, kind: 'spot', at } }
    case REBALANCE:
      return { event: { ...about, kind: 'rebalance' } }
    default:
      return hookOf(about, detail)
  }
}

function hookOf(about: Pick<InstanceEvent, 'instanceId' | 'looks'>, detail: Json): ReadEvent {
  const { AutoScalingGroupName: group, LifecycleHookName: hook, LifecycleActionToken: token } = detail
  if (typeof group !== 'string' || typeof hook !== 'string' || typeof token !== 'string') {
    return { poison: 'it names no lifecycle action' }
  }
  return { event: { ...about, kind: 'hook', group, hook, token } }
}

function parsed(body: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(body)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
