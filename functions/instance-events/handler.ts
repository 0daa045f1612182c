// What EC2 and Auto Scaling say of instances, through EventBridge and a queue: looked up first, then buried or drained.
//
//   state change            stopped, terminated        looked up: dead is gone, stopped is unreachable at once
//                           stopping, shutting-down    looked up again a few times, later ever more rarely
//   Spot interruption       drain, within what is left of the two minutes
//   rebalance               drain, if the setting says so
//   Auto Scaling hook       drain; the hook is let go when it is done, or at its deadline
//
// Agents read the last three in their machines' metadata as well and say so themselves: see ../agents/notice.ts.
//
// An event is a reason to look and no proof (R9). It may come late, twice, out of order, or never: what is missed the
// detector finds by its own look-ups. Instances that are not ours are no error: a rule hears of the whole account.
import type { Ledger } from '../../master/model.ts'
import { all } from '../../store/store.ts'
import { bury, type Examined, examine } from '../agents/burial.ts'
import { finishHooks, noteHook } from '../agents/hooks.ts'
import { present } from '../agents/load.ts'
import { drainByNotice } from '../agents/notice.ts'
import type { Environment } from '../environment.ts'
import type { QueueMessage } from '../ports/queues.ts'
import { type InstanceEvent, readEvent } from './read-event.ts'

/** Seconds until it is looked again, look after look; then the detector's own looks are enough. */
const LOOK_AGAIN_S = [2, 5, 10, 30, 60, 120, 300] as const
/** One look-up for the whole batch, retries included, ms. */
const BUDGET_MS = 10_000

interface Known {
  readonly message: QueueMessage
  readonly event: InstanceEvent
  readonly ledgers: readonly Ledger[]
}

/** Handles a batch of the queue `instance-events`; the ids of the messages that are to come again, and to be parked. */
export async function instanceEvents(
  env: Environment,
  batch: readonly QueueMessage[],
): Promise<readonly string[]> {
  const failed: string[] = []
  const known: Known[] = []
  for (const message of batch) {
    await guarded(env, message, failed, async () => {
      const event = eventOf(env, message)
      if (event === undefined) return
      const ledgers = await ledgersOf(env, event)
      if (ledgers.length > 0) known.push({ message, event, ledgers })
      else env.log.info('event of an instance without an agent', { ...event })
    })
  }
  const examined = await examine(
    env,
    known.flatMap(({ ledgers }) => ledgers),
    BUDGET_MS,
  )
  for (const { message, event, ledgers } of known) {
    await guarded(env, message, failed, () => act(env, event, ledgers, examined))
  }
  return failed
}

/** What fails for one message is that message's alone. */
async function guarded(
  env: Environment,
  { id, body, receiveCount }: QueueMessage,
  failed: string[],
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work()
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error)
    env.log.error('instance event failed', { id, receiveCount, error: said, body: body.slice(0, 500) })
    failed.push(id)
  }
}

/** Throws for poison: it is tried a few times and then parked, where a person can see it (F68). */
function eventOf(env: Environment, { body }: QueueMessage): InstanceEvent | undefined {
  const read = readEvent(body)
  if ('poison' in read) throw new Error(`not an event of an instance: ${read.poison}`)
  if ('event' in read) return read.event
  env.log.info('event of another kind', { what: read.other })
  return undefined
}

/** Ledgers that say of themselves that they are this instance's. The gone are past all events, but a hook may wait. */
async function ledgersOf(env: Environment, { instanceId, kind }: InstanceEvent): Promise<readonly Ledger[]> {
  const found = await all(env.store, 'instance', { instanceId })
  const ledgers = await env.store.getMany(
    'ledger',
    found.map(({ item }) => ({ agentId: item.agentId })),
  )
  return present(ledgers).filter(
    (ledger) => ledger.instanceId === instanceId && (kind === 'hook' || ledger.life !== 'gone'),
  )
}

async function act(
  env: Environment,
  event: InstanceEvent,
  ledgers: readonly Ledger[],
  examined: Examined,
): Promise<void> {
  const lost = new Set(await bury(env, ledgers, examined))
  for (const { agentId } of ledgers) {
    if (event.kind === 'hook') {
      const { group, hook, token } = event
      await noteHook(env, agentId, { group, hook, token })
    }
    if (!lost.has(agentId) && event.kind !== 'state') await drainByNotice(env, agentId, event)
  }
  if (isOpenEnd(event, ledgers, lost, examined)) await lookAgain(env, event)
  if (event.kind === 'hook') {
    await finishHooks(env, present(await env.store.getMany('ledger', ledgers)))
  }
}

/**
 * Whether the end of the machine is still to come. `pending` and `running` ask nothing of us: an agent that starts
 * there says so itself. EC2's answers can be a moment older than its events, so one that denies an event is asked again.
 */
function isOpenEnd(
  event: InstanceEvent,
  ledgers: readonly Ledger[],
  lost: ReadonlySet<string>,
  { proofs }: Examined,
): boolean {
  if (event.kind === 'state' && (event.state === 'pending' || event.state === 'running')) return false
  const mayDeny = event.kind !== 'state' || event.looks > 0
  return ledgers.some(({ agentId }) => !lost.has(agentId) && !(mayDeny && proofs.get(agentId) === 'alive'))
}

/** The same event once more, later; a handful of times at most. */
async function lookAgain(env: Environment, event: InstanceEvent): Promise<void> {
  const delaySeconds = LOOK_AGAIN_S[event.looks]
  if (delaySeconds === undefined || env.ec2 === undefined) return
  const { instanceId, looks } = event
  const again = {
    source: 'aws.ec2',
    'detail-type': 'EC2 Instance State-change Notification',
    looks: looks + 1,
    detail: { 'instance-id': instanceId, state: event.kind === 'state' ? event.state : 'shutting-down' },
  }
  await env.queues.send('instance-events', JSON.stringify(again), { delaySeconds })
}
