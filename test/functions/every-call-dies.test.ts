// Every handler dies before and after every call it makes, sleeps a minute before it, runs twice, and twice at once.
//
// A case is one thing that is asked for. It is done once, undisturbed; then again and again in a fresh world, with one
// fate at one call, followed by what really follows: the client's repeat, or the tick. The world must come out the same.
import { afterAll, describe, expect, test } from 'vitest'
import { drainAgent } from '../../functions/agents/drain.ts'
import {
  deactivateAgent,
  markAgentGone,
  reactivateAgent,
  unregister,
} from '../../functions/agents/lifecycle.ts'
import { takeNotice } from '../../functions/agents/notice.ts'
import { sync } from '../../functions/agents/sync.ts'
import { takeCallUpdates } from '../../functions/agents/updates.ts'
import { allocate } from '../../functions/allocator/handler.ts'
import { detect } from '../../functions/detector/handler.ts'
import type { Environment } from '../../functions/environment.ts'
import { heartbeats } from '../../functions/heartbeats/handler.ts'
import { instanceEvents } from '../../functions/instance-events/handler.ts'
import { memoryEc2 } from '../../functions/ports/ec2-memory.ts'
import { restore } from '../../functions/restore/restore.ts'
import { answerCall } from '../../functions/scheduler/calls.ts'
import { subscribe } from '../../functions/scheduler/subscribe.ts'
import { TooContended } from '../../functions/transact.ts'
import { unsound } from '../../master/accounting.ts'
import { digestOf } from '../../protocol/digest.ts'
import type { SchedulerCall, SchedulerCallType } from '../../protocol/messages.ts'
import { all, StoreUnavailable } from '../../store/store.ts'
import { accepting, type Stage, stage } from '../scenarios/stage.ts'
import { spotWarning, stateChange, terminateHook } from './instance-events/recorded.ts'
import { Died, type Fate, mortal } from './mortal.ts'

/** What is asked for, as one invocation does it. */
type Work = (env: Environment) => Promise<unknown>
/** Sets the stage and says what is asked for. */
type Case = (on: Stage) => Promise<Work> | Work

const MINUTE_MS = 60_000

function calling(on: Stage, call: Omit<SchedulerCall, 'framework_id'>): Work {
  const { frameworkId, streamId } = on.framework
  const whole = { ...call, framework_id: { value: frameworkId } }
  return async (env) => (await answerCall(env, whole, { streamId })).answer.status
}

async function running(on: Stage): Promise<void> {
  await on.agent.launch(on.framework, ['t1', 't2'])
  await on.agent.update('t1', 'TASK_RUNNING')
}

const named = (on: Stage, taskId = 't1') => ({
  agent_id: { value: on.agent.id },
  task_id: { value: taskId },
})

async function uuidOf(on: Stage, taskId: string): Promise<string> {
  return (await on.agent.task(on.framework, taskId))?.custody[0]?.uuid ?? 'none'
}

const executor = { executor_id: { value: 'e1' } }

const CALLS: Readonly<Record<Exclude<SchedulerCallType, 'SUBSCRIBE' | 'UNKNOWN'>, Case>> = {
  ACCEPT: async (on) => calling(on, await accepting(on, ['t1', 't2'])),
  DECLINE: async (on) => {
    const offerId = await on.agent.offered(on.framework, { isSaid: true })
    return calling(on, { type: 'DECLINE', decline: { offer_ids: [{ value: offerId }], filters: {} } })
  },
  REVIVE: (on) => calling(on, { type: 'REVIVE' }),
  SUPPRESS: (on) => calling(on, { type: 'SUPPRESS' }),
  KILL: async (on) => {
    await running(on)
    return calling(on, { type: 'KILL', kill: named(on) })
  },
  SHUTDOWN: async (on) => {
    await running(on)
    return calling(on, { type: 'SHUTDOWN', shutdown: { ...executor, agent_id: { value: on.agent.id } } })
  },
  ACKNOWLEDGE: async (on) => {
    await running(on)
    await on.agent.update('t1', 'TASK_FINISHED')
    const acknowledge = { ...named(on), uuid: await uuidOf(on, 't1') }
    return calling(on, { type: 'ACKNOWLEDGE', acknowledge })
  },
  RECONCILE: async (on) => {
    await running(on)
    return calling(on, {
      type: 'RECONCILE',
      reconcile: { tasks: [named(on), { task_id: { value: 'nobody' } }] },
    })
  },
  MESSAGE: async (on) => {
    await running(on)
    const message = { ...executor, agent_id: { value: on.agent.id }, data: 'AQ==' }
    return calling(on, { type: 'MESSAGE', message })
  },
  REQUEST: (on) => calling(on, { type: 'REQUEST', request: { requests: [] } }),
  TEARDOWN: async (on) => {
    await running(on)
    return calling(on, { type: 'TEARDOWN' })
  },
  UPDATE_FRAMEWORK: (on) => {
    const info = { ...on.framework.info, id: { value: on.framework.frameworkId }, name: 'new name' }
    return calling(on, { type: 'UPDATE_FRAMEWORK', update_framework: { framework_info: info } })
  },
  ACCEPT_INVERSE_OFFERS: (on) =>
    calling(on, { type: 'ACCEPT_INVERSE_OFFERS', accept_inverse_offers: { inverse_offer_ids: [] } }),
  DECLINE_INVERSE_OFFERS: (on) =>
    calling(on, { type: 'DECLINE_INVERSE_OFFERS', decline_inverse_offers: { inverse_offer_ids: [] } }),
  ACKNOWLEDGE_OPERATION_STATUS: (on) =>
    calling(on, {
      type: 'ACKNOWLEDGE_OPERATION_STATUS',
      acknowledge_operation_status: { uuid: '', operation_id: { value: 'o' } },
    }),
  RECONCILE_OPERATIONS: (on) =>
    calling(on, {
      type: 'RECONCILE_OPERATIONS',
      reconcile_operations: { operations: [{ operation_id: { value: 'o' } }] },
    }),
}

async function lost(on: Stage): Promise<void> {
  await running(on)
  on.agent.isUp = false
  await on.w.run(15_000)
}

const FUNCTIONS: Readonly<Record<string, Case>> = {
  'SUBSCRIBE of a known framework': (on) => {
    const info = { ...on.framework.info, id: { value: on.framework.frameworkId } }
    const call = { type: 'SUBSCRIBE' as const, framework_id: info.id, subscribe: { framework_info: info } }
    return (env) => subscribe(env, call, { mediaType: 'application/json' })
  },
  'ACCEPT in pieces': async (on) => {
    const ids = Array.from({ length: 60 }, (_, index) => `t${index + 1}`)
    return calling(on, await accepting(on, ids))
  },
  'REGISTER after a restart': async (on) => {
    await running(on)
    await on.agent.launch(on.framework, ['t3'], { started: false })
    on.agent.reboot()
    return (env) => on.agent.register({}, env)
  },
  'REGISTER after a loss': async (on) => {
    await lost(on)
    on.agent.isUp = true
    return (env) => on.agent.register({}, env)
  },
  SYNC: async (on) => {
    await running(on)
    const { id: agentId, incarnation, applied } = on.agent
    return (env) => sync(env, { type: 'SYNC', agentId, incarnation, applied })
  },
  'UPDATES with an end': async (on) => {
    await running(on)
    const updates = [on.agent.report('t1', 'TASK_FINISHED'), on.agent.report('t2', 'TASK_RUNNING')]
    const { id: agentId, incarnation, applied } = on.agent
    const call = { type: 'UPDATES' as const, agentId, incarnation, applied, updates, exits: [], messages: [] }
    return (env) => takeCallUpdates(env, call)
  },
  'NOTICE of a Spot interruption': async (on) => {
    await running(on)
    const { id: agentId, incarnation } = on.agent
    const notice = { kind: 'spot' as const, at: on.w.clock.now() }
    return (env) => takeNotice(env, { type: 'NOTICE', agentId, incarnation, notice })
  },
  UNREGISTER: async (on) => {
    await running(on)
    on.agent.isUp = false
    const { id: agentId, incarnation } = on.agent
    return (env) => unregister(env, { type: 'UNREGISTER', agentId, incarnation })
  },
  'heartbeats of a batch': async (on) => {
    await on.agent.beat()
    const batch = await on.w.queues.receive('heartbeats', { waitMs: 0 })
    return async (env) => {
      if ((await heartbeats(env, batch)).length > 0) throw new Died('the batch comes again')
    }
  },
  'the detector gives an agent up': async (on) => {
    await running(on)
    on.agent.isUp = false
    await on.w.run(10_000)
    on.w.clock.move(1_000)
    return (env) => detect(env)
  },
  'the detector takes back an offer that expired': async (on) => {
    await on.agent.offered(on.framework)
    on.w.clock.move(on.w.env.settings.offerTimeoutMs)
    return (env) => detect(env)
  },
  'the detector removes a framework': async (on) => {
    await running(on)
    const stored = await on.w.store.get('framework', on.framework)
    if (stored === undefined) throw new Error('no framework')
    const now = on.w.clock.now()
    const item = { ...stored, state: 'disconnected' as const, disconnectedAt: now, removeAt: now + 20_000 }
    await on.w.store.commit([{ do: 'put', kind: 'framework', item, when: { name: 'unchanged' } }], 'gone')
    await on.w.run(20_000)
    return (env) => detect(env)
  },
  'a turn of the allocator': (on) => {
    void on
    return (env) => allocate(env)
  },
  'an agent marked gone': async (on) => {
    await running(on)
    on.agent.isUp = false
    return (env) => markAgentGone(env, on.agent.id)
  },
  'an agent drained': async (on) => {
    await running(on)
    return (env) => drainAgent(env, on.agent.id, { markGone: false, maxGraceMs: undefined })
  },
  'EC2 has terminated an instance': (on) =>
    ofInstance(on, 'terminated', (id) => stateChange(id, 'terminated')),
  'EC2 has stopped an instance': (on) => ofInstance(on, 'stopped', (id) => stateChange(id, 'stopped')),
  'EC2 takes a Spot instance back': (on) =>
    ofInstance(on, 'running', (id) => spotWarning(id, new Date(on.w.clock.now()).toISOString())),
  'Auto Scaling waits for an agent': (on) => ofInstance(on, 'running', (id) => terminateHook(id)),
  'an agent deactivated': (on) => (env) => deactivateAgent(env, on.agent.id),
  'an agent reactivated': async (on) => {
    await deactivateAgent(on.w.env, on.agent.id)
    return (env) => reactivateAgent(env, on.agent.id)
  },
  'a restore': async (on) => {
    await running(on)
    return (env) => restore(env)
  },
}

/** An event of the agent's EC2 instance, which is in this state by then; the batch comes again until it is handled. */
async function ofInstance(
  on: Stage,
  state: 'running' | 'stopped' | 'terminated',
  body: (instanceId: string) => string,
): Promise<Work> {
  const ec2 = memoryEc2()
  const instanceId = ec2.run()
  on.agent.reboot()
  await on.agent.register({ instanceId })
  await running(on)
  on.agent.isUp = state === 'running'
  ec2.become(instanceId, state)
  const message = { id: 'event', body: body(instanceId), sentAt: on.w.clock.now(), receiveCount: 1 }
  return async (env) => {
    if ((await instanceEvents({ ...env, ec2 }, [message])).length > 0) throw new Died('the batch comes again')
  }
}

/** The world as anybody sees it who does not care for random ids, times and how often a thing was repeated. */
async function seen({ w, agent, framework }: Stage): Promise<unknown> {
  const { frameworkId } = framework
  const stored = await w.store.get('framework', { frameworkId })
  const gates = await w.store.getMany(
    'gate',
    Array.from({ length: stored?.gates ?? 0 }, (_, index) => ({ frameworkId, index })),
  )
  const ledger = await agent.ledger()
  const beside = await all(w.store, 'agent', { agentId: agent.id })
  const runs = beside.flatMap(({ kind, item }) => (kind === 'run' ? [item] : []))
  const tasks = (await all(w.store, 'tasks', { frameworkId, shard: 0 })).map(({ item }) => item)
  expect(unsound(ledger)).toBeUndefined()
  expect(digestOf(runs)).toBe(ledger.digest)
  const offered = Object.values(ledger.offers).filter(({ epoch }) => epoch === stored?.epoch)
  return JSON.parse(
    JSON.stringify({
      framework: { state: stored?.state, openWork: stored?.openWork, name: stored?.info.name },
      suppressed: stored?.suppressedRoles,
      gates: gates.map((gate) => [gate?.epoch === stored?.epoch, gate?.removed]),
      agent: { life: ledger.life, openWork: ledger.openWork, drain: ledger.drain?.state },
      deactivated: ledger.deactivated,
      sums: Object.values(ledger.sums),
      offers: offered.map(({ resources }) => resources),
      holds: Object.keys(ledger.holds).length,
      beside: beside.map(({ kind }) => kind).sort(),
      runs: runs.map(({ taskId, wanted, kills, charged }) => [taskId, wanted, kills > 0, charged]),
      tasks: tasks.map((task) => [
        task.taskId,
        task.mesos.state,
        task.standing,
        task.lastUpdate,
        task.custody.map(({ number }) => number),
      ]),
      mail: (await all(w.store, 'mail', { frameworkId, shard: 0 }))
        .flatMap(({ item: { key, body } }) =>
          body.kind === 'update' || body.kind === 'word' ? [[key, body.status.state]] : [],
        )
        .sort(),
      losses: (await w.losses()).length,
    }),
  )
}

/** An outage of one's own, a repeat behind one's own effect: all that a repeat may meet. */
async function tried(work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    const isExpected =
      error instanceof Died || error instanceof TooContended || error instanceof StoreUnavailable
    if (!isExpected) throw error
  }
}

interface Tried {
  readonly calls: readonly string[]
  readonly world: unknown
}

/** @param follow what comes after the first try: the repeat, unless it is a tick, which comes anyway */
async function once(made: Case, act: (on: Stage, work: Work) => Promise<readonly string[]>): Promise<Tried> {
  const on = await stage()
  const work = await made(on)
  const calls = await act(on, work)
  await on.w.run(4_000)
  // Whoever is asked to register does so: an agent that is up answers its list.
  if (on.agent.isUp && (await on.agent.ledger()).life === 'returning') {
    await on.agent.register()
    on.agent.applied = on.agent.generation
  }
  await on.w.run(2_000)
  return { calls, world: await seen(on) }
}

let tries = 0
afterAll(() => {
  console.log(`${tries} single deaths, sleeps and repeats of handlers, each with the same outcome`)
  expect(tries).toBeGreaterThan(500)
})

const cases = [
  ...Object.entries(CALLS).map(([name, made]) => [name, made] as const),
  ...Object.entries(FUNCTIONS).map(([name, made]) => [name, made] as const),
]

describe('F62 F63 F70 H11', () => {
  test.each(cases)('%s', { timeout: 60_000 }, async (name, made) => {
    const undisturbed = await once(made, async (on, work) => {
      const { env, calls } = mortal(on.w.env)
      await work(env)
      return calls
    })
    const same = (outcome: Tried, what: string) => {
      tries++
      expect(outcome.world, `${name}: ${what}`).toEqual(undisturbed.world)
    }
    same(await once(made, twice), 'done twice')
    same(await once(made, twiceAtOnce), 'done twice at once')
    for (let call = 1; call <= undisturbed.calls.length; call++) {
      for (const kind of ['dies before', 'dies after', 'sleeps'] as const) {
        const outcome = await once(made, (on, work) => fated(on, work, { kind, call, name }))
        same(outcome, `${kind} call ${call} (${undisturbed.calls[call - 1]})`)
      }
    }
  })
})

async function twice(on: Stage, work: Work): Promise<readonly string[]> {
  await work(mortal(on.w.env).env)
  await tried(() => work(mortal(on.w.env).env))
  return []
}

async function twiceAtOnce(on: Stage, work: Work): Promise<readonly string[]> {
  await Promise.all([tried(() => work(mortal(on.w.env).env)), tried(() => work(mortal(on.w.env).env))])
  return []
}

/** One fate, then the repeat: of the client, the queue, or the next tick. */
async function fated(
  on: Stage,
  work: Work,
  { kind, call, name }: Pick<Fate, 'kind' | 'call'> & { readonly name: string },
): Promise<readonly string[]> {
  const again = () => tried(() => work(mortal(on.w.env).env))
  const fate: Fate =
    kind === 'sleeps'
      ? {
          kind,
          call,
          async meanwhile() {
            await again()
            // A session that nobody reads for would be over after a minute, and rightly.
            await on.w.run(name.startsWith('SUBSCRIBE') ? MINUTE_MS / 12 : MINUTE_MS)
          },
        }
      : { kind, call }
  const { env, calls } = mortal(on.w.env, fate)
  await tried(() => work(env))
  if (kind !== 'sleeps') await again()
  return calls
}
