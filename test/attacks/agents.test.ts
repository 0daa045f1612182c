// One machine against another: calls and beats for an agent that is not theirs, old ones again, forged messages.
import { describe, expect, test } from 'vitest'
import { heartbeats } from '../../functions/heartbeats/handler.ts'
import { instanceEvents } from '../../functions/instance-events/handler.ts'
import { memoryEc2 } from '../../functions/ports/ec2-memory.ts'
import type { AgentCall, UpdateReport } from '../../protocol/agent-messages.ts'
import { EMPTY_DIGEST } from '../../protocol/digest.ts'
import { registeredMachine, wantedAt } from '../agent/machine.ts'
import type { PlayedAgent } from '../functions/agents/world.ts'
import { stateChange, terminateHook } from '../functions/instance-events/recorded.ts'
import { type Ground, ground, type Session } from './ground.ts'

const DAYS = 24 * 3_600_000
const X = 'i-0123456789abcdef0'
const Y = 'i-0123456789abcdef1'

interface Battle extends Ground {
  readonly alice: Session
  /** The attacker's machine, and the one with the task `theirs`. */
  readonly x: PlayedAgent
  readonly y: PlayedAgent
  call(body: AgentCall, caller?: string): Promise<{ readonly status: number; readonly said: string }>
  /** Of agent Y and of the framework whose task runs there. */
  theirs(): Promise<unknown>
}

async function battle(options: Parameters<typeof ground>[0] = {}): Promise<Battle> {
  const on = await ground(options)
  const alice = await on.subscribed('alice')
  const x = await on.w.agent({ instanceId: X })
  const y = await on.w.agent({ instanceId: Y, hostname: 'host' })
  const framework = await alice.framework()
  await x.launch(framework, ['mine'])
  await y.launch(framework, ['theirs'])
  await y.update('theirs', 'TASK_RUNNING')
  return {
    ...on,
    alice,
    x,
    y,
    async call(body, caller) {
      const { status, text } = await on.ask(
        '/api/v1/agent',
        body,
        {},
        { ...(caller === undefined ? {} : { caller }) },
      )
      return { status, said: text }
    },
    theirs: () => on.picture({ frameworks: [alice.id], agents: [y.id] }),
  }
}

const signedBy = (instanceId: string) => `AROAEXAMPLE:${instanceId}`

function handsIn(agent: PlayedAgent, updates: readonly UpdateReport[]): AgentCall {
  const { id, incarnation, applied } = agent
  return { type: 'UPDATES', agentId: id, incarnation, applied, updates, exits: [], messages: [] }
}

describe('A6: an agent speaks for another one', () => {
  test('under its own name: the other’s tasks and executors do not end', async () => {
    const on = await battle()
    const { x, y, alice } = on
    const before = await on.theirs()
    const end = { ...y.report('theirs', 'TASK_FAILED'), latestState: 'TASK_FAILED' as const }
    const exits = [{ frameworkId: alice.id, executorId: 'theirs', containerId: 'c', status: 9 }]
    for (const launchIncarnation of [x.incarnation, y.incarnation, 0]) {
      for (const number of [1, 2, 3, 1_000]) {
        const call = handsIn(x, [{ ...end, launchIncarnation, number }])
        await on.call(call.type === 'UPDATES' ? { ...call, exits } : call)
      }
    }
    expect(await on.theirs()).toEqual(before)
  })

  test('under the other’s name, where calls are signed: refused, whatever is said', async () => {
    const on = await battle({ settings: { agentIdentity: 'signed' } })
    const { y } = on
    const before = await on.theirs()
    const who = { agentId: y.id, incarnation: y.incarnation }
    const calls: readonly AgentCall[] = [
      handsIn(y, [y.report('theirs', 'TASK_FAILED')]),
      { type: 'SYNC', ...who, applied: y.applied },
      { type: 'NOTICE', ...who, notice: { kind: 'spot', at: on.w.clock.now() } },
      { type: 'UNREGISTER', ...who },
      registration(y, { bootNonce: 'fresh' }),
      registration(y, { bootNonce: 'fresh', instanceId: Y }),
    ]
    for (const call of calls) {
      const { said } = await on.call(call, signedBy(X))
      expect([call.type, said]).toEqual([call.type, expect.not.stringContaining('theirs')])
      for (const nobody of [undefined, 'AIDAEXAMPLE', 'AROAEXAMPLE:meseta-operator'])
        expect((await on.call(call, nobody)).status).toBe(403)
    }
    expect(await on.theirs()).toEqual(before)
  })

  test('with ids that would be other keys of the table', async () => {
    const on = await battle()
    const before = await on.theirs()
    for (const agentId of [`${on.y.id}/RUN#x`, `${on.y.id}#`, '', '../x', '__proto__', 'x'.repeat(100_000)]) {
      expect((await on.call({ type: 'SYNC', agentId, incarnation: 1, applied: 0 })).status).toBe(400)
    }
    expect(await on.theirs()).toEqual(before)
  })
})

describe('A7: what was said once is said again', () => {
  test('updates, days later: nothing changes and nobody is told', async () => {
    const on = await battle()
    const { y, alice } = on
    const old = handsIn(y, [y.report('theirs', 'TASK_RUNNING', { number: 1 })])
    const agent_id = { value: y.id }
    const uuid = Buffer.alloc(16, 1).toString('base64')
    await alice.call({ type: 'ACKNOWLEDGE', acknowledge: { agent_id, task_id: { value: 'theirs' }, uuid } })
    await y.update('theirs', 'TASK_FINISHED')
    const before = await on.theirs()
    on.w.clock.move(3 * DAYS)
    // A finished task that was not acknowledged stays, and so does what is asked for it.
    for (let time = 0; time < 3; time++)
      expect(JSON.parse((await on.call(old)).said).results).toEqual(['known'])
    expect(await on.theirs()).toEqual(before)
    // Of a life before the last registration it says nothing at all.
    y.reboot()
    await y.register()
    const after = await on.theirs()
    expect(JSON.parse((await on.call(old)).said).kind).toBe('register-again')
    expect(await on.theirs()).toEqual(after)
  })

  test('a registration: the answer is the first one’s, and no task comes back to life', async () => {
    const on = await battle()
    const { y } = on
    const first = registration(y, { bootNonce: 'old-boot', tasks: [...y.tasks.values()] })
    const answer = JSON.parse((await on.call(first)).said)
    expect(answer.kind).toBe('registered')
    y.incarnation = answer.incarnation
    await y.update('theirs', 'TASK_FINISHED')
    const ledger = await y.ledger()
    on.w.clock.move(60_000)
    const again = JSON.parse((await on.call(first)).said)
    expect(again).toMatchObject({ kind: 'registered', incarnation: answer.incarnation })
    const { sums, offers, digest, life } = await y.ledger()
    expect({ sums, offers, digest, life }).toEqual({
      sums: ledger.sums,
      offers: ledger.offers,
      digest: ledger.digest,
      life: 'active',
    })
    expect(await y.task(await on.alice.framework(), 'theirs')).toMatchObject({
      mesos: { state: 'TASK_FINISHED' },
    })
  })

  test('beats keep no dead agent alive', async () => {
    const on = await battle()
    const { y } = on
    await on.w.run(6_000)
    const shard = (await y.ledger()).beatShard
    const { number = 0 } = (await on.w.store.get('beats', { shard }))?.agents[y.id] ?? {}
    expect(number).toBeGreaterThan(0)
    y.isUp = false
    for (let second = 0; second < 15; second++) {
      for (let old = 1; old <= number; old++)
        await on.w.queues.send('heartbeats', beatOf(y, old), { group: String(shard) })
      await on.w.run(1_000)
    }
    expect((await y.ledger()).life).toBe('unreachable')
    expect((await on.x.ledger()).life).toBe('active')
  })

  test('beats of a life before count for nothing in the next one', async () => {
    const on = await battle()
    const { y } = on
    const old = beatOf(y, 1_000_000)
    y.reboot()
    await y.register()
    await y.beat()
    const { beatShard: shard, incarnation } = await y.ledger()
    await on.w.queues.send('heartbeats', old, { group: String(shard) })
    await on.w.hear()
    const heard = (await on.w.store.get('beats', { shard }))?.agents[y.id]
    expect(heard).toMatchObject({ incarnation, number: 1 })
  })
})

describe('A9: a message of the right form from somebody else', () => {
  test('in the queue of beats, about another agent or as a canary: not heard, and nobody is hurt', async () => {
    const on = await battle({ settings: { agentIdentity: 'signed' } })
    const { y, w } = on
    const { beatShard: shard } = await y.ledger()
    const beat = beatOf(y, 2_000_000_000)
    const canary = JSON.stringify({ kind: 'canary', shard, number: 2 ** 40 })
    const call = JSON.stringify({ kind: 'call', agentId: y.id, incarnation: y.incarnation })
    const messages = [
      ...[signedBy(X), 'AIDAEXAMPLE', undefined].map((senderId) => ({ body: beat, senderId })),
      ...[signedBy(X), signedBy(Y)].flatMap((senderId) => [
        { body: canary, senderId },
        { body: call, senderId },
      ]),
    ]
    const batch = messages.map((message, index) => ({
      ...message,
      id: String(index),
      sentAt: w.clock.now() + index,
      group: String(shard),
      receiveCount: 1,
    }))
    expect(await heartbeats(w.env, batch)).toEqual([])
    const beats = await w.store.get('beats', { shard })
    expect(beats?.agents[y.id]?.number ?? 0).toBe(0)
    expect(beats?.canary.number ?? 0).toBeLessThan(2 ** 40)
  })

  test('in the queue of an agent: it starts nothing that its number does not follow, and asks instead', () => {
    const machine = registeredMachine(5)
    const task = wantedAt('forged', 9)
    machine.nudge(9, [task])
    machine.nudge(6, [task], { incarnation: 6 })
    machine.nudge(6, [task], { incarnation: 8 })
    machine.nudge(5, [wantedAt('forged', 5)])
    machine.nudge(1, [wantedAt('forged', 1)])
    expect(machine.launched()).toEqual([])
    expect(machine.actions.some(({ action }) => action === 'sync')).toBe(true)
    machine.list(6, [])
    expect(machine.launched()).toEqual([])
  })

  test('in the queue of instance events: EC2 is asked, and its word counts', async () => {
    const ec2 = memoryEc2()
    const on = await ground({ ec2 })
    const instanceId = ec2.run()
    const agent = await on.w.agent({ instanceId })
    const forged = ['terminated', 'stopped', 'shutting-down'].map((state) => stateChange(instanceId, state))
    const batch = [...forged, stateChange('i-00000000000000000', 'terminated')].map((body, index) => ({
      id: String(index),
      body,
      sentAt: on.w.clock.now(),
      receiveCount: 1,
    }))
    expect(await instanceEvents(on.w.env, batch)).toEqual([])
    await on.w.run(3_000)
    expect((await agent.ledger()).life).toBe('active')
    expect(await on.w.losses()).toEqual([])
  })
})

test('A23: an event of an instance that is none of ours is passed over, and EC2 is not asked about it', async () => {
  const ec2 = memoryEc2()
  const on = await ground({ ec2 })
  const body = JSON.stringify({
    ...JSON.parse(terminateHook('i-0fedcba9876543210')),
    account: '999999999999',
  })
  const batch = [{ id: 'm', body, sentAt: on.w.clock.now(), receiveCount: 1 }]
  expect(await instanceEvents(on.w.env, batch)).toEqual([])
  expect([ec2.calls, ec2.completed]).toEqual([0, []])
})

function beatOf({ id, incarnation, applied }: PlayedAgent, number: number): string {
  return JSON.stringify({ kind: 'beat', agentId: id, incarnation, number, applied, digest: EMPTY_DIGEST })
}

function registration(
  { id, applied }: PlayedAgent,
  more: Partial<Extract<AgentCall, { type: 'REGISTER' }>>,
): AgentCall {
  const sums: Record<
    string,
    Record<string, Extract<AgentCall, { type: 'REGISTER' }>['tasks'][number]['resources']>
  > = {}
  for (const { frameworkId, role, resources } of more.tasks ?? []) sums[frameworkId] = { [role]: resources }
  return {
    type: 'REGISTER',
    bootNonce: 'boot',
    agentId: id,
    agentInfo: {
      hostname: 'host',
      resources: [
        { name: 'cpus', type: 'SCALAR', scalar: { value: 64 } },
        { name: 'mem', type: 'SCALAR', scalar: { value: 65_536 } },
      ],
    },
    address: { ip: '10.0.0.1', port: 5051 },
    version: '0.1.0',
    capabilities: [{ type: 'AGENT_DRAINING' }],
    instanceId: Y,
    applied,
    sums,
    page: 0,
    pages: 1,
    tasks: [],
    executors: [],
    frameworks: [],
    ...more,
  }
}
