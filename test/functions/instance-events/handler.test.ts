// Events of EC2 and Auto Scaling: looked up, then buried or drained; late, doubled, lost, unknown and broken ones too.
import { describe, expect, test } from 'vitest'
import { finishDrain } from '../../../functions/agents/drain.ts'
import { markAgentGone } from '../../../functions/agents/lifecycle.ts'
import { instanceEvents } from '../../../functions/instance-events/handler.ts'
import { handleBatch } from '../../../functions/ports/consume.ts'
import { deadLettersOf } from '../../../functions/ports/dead-letters.ts'
import { memoryEc2 } from '../../../functions/ports/ec2-memory.ts'
import type { MailBody } from '../../../master/model.ts'
import { NOTICES } from '../../../master/settings.ts'
import { type AgentOptions, type World, world } from '../agents/world.ts'
import { launchSucceeded, rebalance, spotWarning, stateChange, terminateHook } from './recorded.ts'

async function cloud(options: Parameters<typeof world>[0] = {}, agentOptions: AgentOptions = {}) {
  const ec2 = memoryEc2()
  const w = await world({ ec2, ...options })
  const framework = await w.framework()
  const instanceId = ec2.run()
  const agent = await w.agent({ instanceId, ...agentOptions })
  await agent.launch(framework, ['t1'])
  await agent.update('t1', 'TASK_RUNNING')
  await w.run(3_000)
  /** What the event source does: batches, repeats after a second, parks after five tries. */
  const deliver = async (...bodies: string[]) => {
    for (const body of bodies) await w.queues.send('instance-events', body)
    await read(w)
  }
  const words = async () => said(await w.mail(framework.frameworkId))
  return { ec2, w, framework, instanceId, agent, deliver, words }
}

async function read(w: World): Promise<void> {
  for (;;) {
    const batch = await w.queues.receive('instance-events', { waitMs: 0 })
    if (batch.length === 0) return
    await handleBatch(w.queues, 'instance-events', batch, (messages) => instanceEvents(w.env, messages), {
      log: w.env.log,
    })
  }
}

/** Moves on and reads what was put off until then. */
async function later(w: World, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 1_000) {
    await w.run(1_000)
    await read(w)
  }
}

function said(mail: readonly MailBody[]) {
  return mail.flatMap((body) => (body.kind === 'word' ? [body.status] : []))
}

describe('proof of death', () => {
  test('F14 a terminated instance: its agent is gone at once, its tasks are GONE_BY_OPERATOR and say why', async () => {
    const { ec2, w, instanceId, agent, deliver, words } = await cloud()
    ec2.become(instanceId, 'terminated', 'User initiated')
    await deliver(stateChange(instanceId, 'terminated'))
    expect(await agent.ledger()).toMatchObject({ life: 'gone', sums: {} })
    expect((await agent.ledger()).openWork).toBeUndefined()
    expect(await words()).toMatchObject([
      {
        state: 'TASK_GONE_BY_OPERATOR',
        reason: 'REASON_AGENT_REMOVED_BY_OPERATOR',
        source: 'SOURCE_MASTER',
        message: expect.stringContaining(`terminated the agent’s instance ${instanceId} (User initiated)`),
      },
    ])
    expect(await w.losses()).toEqual([agent.id])
    expect(await agent.register()).toMatchObject({ kind: 'shutdown' })
    await w.check()
  })

  test('F14 without PARTITION_AWARE it is TASK_LOST', async () => {
    const { ec2, w, instanceId, agent, deliver } = await cloud()
    const old = await w.framework({ isPartitionAware: false, name: 'old' })
    await agent.launch(old, ['t2'])
    ec2.become(instanceId, 'terminated')
    await deliver(stateChange(instanceId, 'terminated'))
    expect(said(await w.mail(old.frameworkId))).toMatchObject([
      { state: 'TASK_LOST', reason: 'REASON_AGENT_REMOVED' },
    ])
  })

  test('F14 an agent that was unreachable becomes gone; FAILURE was said once', async () => {
    const { ec2, w, instanceId, agent, deliver, words } = await cloud()
    agent.isUp = false
    await w.run(14_000)
    expect((await agent.ledger()).life).toBe('unreachable')
    ec2.become(instanceId, 'terminated')
    await deliver(stateChange(instanceId, 'terminated'))
    expect((await agent.ledger()).life).toBe('gone')
    expect((await words()).map(({ state }) => state)).toEqual(['TASK_GONE_BY_OPERATOR'])
    expect(await w.losses()).toEqual([agent.id])
  })

  test('F44 F14 an end in custody outlives the machine', async () => {
    const { ec2, framework, instanceId, agent, deliver } = await cloud()
    await agent.update('t1', 'TASK_FINISHED')
    ec2.become(instanceId, 'terminated')
    await deliver(stateChange(instanceId, 'terminated'))
    expect(await agent.task(framework, 't1')).toMatchObject({ mesos: { state: 'TASK_FINISHED' } })
  })

  test('R9 the event alone proves nothing: EC2 says it is running', async () => {
    const { w, instanceId, agent, deliver } = await cloud()
    await deliver(stateChange(instanceId, 'terminated'), stateChange(instanceId, 'stopped'))
    await later(w, 30_000)
    expect((await agent.ledger()).life).toBe('active')
    expect(await w.losses()).toEqual([])
  })

  test('R9 an answer older than the event is asked for again', async () => {
    const { ec2, w, instanceId, agent, deliver } = await cloud()
    await deliver(stateChange(instanceId, 'terminated'))
    expect((await agent.ledger()).life).toBe('active')
    ec2.become(instanceId, 'terminated')
    await later(w, 3_000)
    expect((await agent.ledger()).life).toBe('gone')
  })

  test.each(['shutting-down', 'stopping'] as const)(
    'R9 %s is no verdict: it is looked at again until the end, ever more rarely',
    async (state) => {
      const { ec2, w, instanceId, agent, deliver } = await cloud()
      ec2.become(instanceId, state)
      const before = ec2.calls
      await deliver(stateChange(instanceId, state))
      await later(w, 20_000)
      expect((await agent.ledger()).life).toBe('active')
      expect(ec2.calls - before).toBeLessThanOrEqual(4)
      const end = state === 'stopping' ? 'stopped' : 'terminated'
      ec2.become(instanceId, end)
      await later(w, 60_000)
      expect((await agent.ledger()).life).toBe(end === 'stopped' ? 'unreachable' : 'gone')
      // Nobody looks for ever.
      await later(w, 700_000)
      expect(await w.queues.receive('instance-events', { waitMs: 0 })).toEqual([])
    },
  )

  test('R9 not found is no verdict, whatever the event says', async () => {
    const { ec2, w, instanceId, agent, deliver } = await cloud()
    ec2.forget(instanceId)
    await deliver(stateChange(instanceId, 'terminated'))
    await later(w, 700_000)
    expect((await agent.ledger()).life).toBe('active')
    expect(await deadLettersOf(w.queues).list()).toEqual([])
  })

  test('R9 an EC2 that refuses or is away is no verdict; the look is repeated, and nothing is parked', async () => {
    const { ec2, w, instanceId, agent, deliver } = await cloud()
    ec2.become(instanceId, 'terminated')
    ec2.failWith('UnauthorizedOperation: You are not authorized')
    await deliver(stateChange(instanceId, 'terminated'))
    expect((await agent.ledger()).life).toBe('active')
    expect(w.logged.some((line) => line.includes('UnauthorizedOperation'))).toBe(true)
    ec2.failWith(undefined)
    await later(w, 5_000)
    expect((await agent.ledger()).life).toBe('gone')
    expect(await deadLettersOf(w.queues).list()).toEqual([])
  })

  test('every event twice, and all of a life at once in any order, is one death', async () => {
    const { ec2, w, instanceId, agent, deliver, words } = await cloud()
    ec2.become(instanceId, 'terminated')
    const events = ['terminated', 'shutting-down', 'running', 'pending'].map((state) =>
      stateChange(instanceId, state),
    )
    await deliver(...events, ...events)
    expect((await agent.ledger()).life).toBe('gone')
    expect(await words()).toHaveLength(1)
    expect(await w.losses()).toEqual([agent.id])
    expect((await agent.ledger()).lossNumber).toBe(1)
  })

  test('the agents of one batch are looked up in one call', async () => {
    const ec2 = memoryEc2()
    const w = await world({ ec2 })
    const ids = Array.from({ length: 8 }, () => ec2.run())
    const agents = await Promise.all(ids.map((instanceId) => w.agent({ instanceId })))
    for (const id of ids) ec2.become(id, 'terminated')
    for (const id of ids) await w.queues.send('instance-events', stateChange(id, 'terminated'))
    await read(w)
    expect(ec2.calls).toBe(1)
    for (const agent of agents) expect((await agent.ledger()).life).toBe('gone')
  })

  test('only the ledger’s own instance: an agent that begins anew on the machine is another one (F15)', async () => {
    const { ec2, w, instanceId, agent, deliver } = await cloud()
    const second = await w.agent({ instanceId, hostname: 'repaired' })
    const other = await w.agent({ instanceId: ec2.run() })
    ec2.become(instanceId, 'terminated')
    await deliver(stateChange(instanceId, 'terminated'))
    expect((await agent.ledger()).life).toBe('gone')
    expect((await second.ledger()).life).toBe('gone')
    expect((await other.ledger()).life).toBe('active')
  })

  test('instances without an agent are no error, and nobody asks EC2 about them', async () => {
    const { ec2, w, deliver } = await cloud()
    const stranger = ec2.run()
    const before = ec2.calls
    await deliver(
      stateChange(stranger, 'terminated'),
      spotWarning(stranger, '2026-11-22T20:00:00Z'),
      terminateHook(stranger),
      launchSucceeded(stranger),
    )
    expect(ec2.calls).toBe(before)
    expect(ec2.completed).toEqual([])
    expect(await deadLettersOf(w.queues).list()).toEqual([])
  })
})

describe('broken events', () => {
  test('F68 poison is parked after its tries, and holds nobody up', async () => {
    const { ec2, w, instanceId, agent } = await cloud()
    ec2.become(instanceId, 'terminated')
    const poison = [
      'no json',
      '[]',
      '{}',
      JSON.stringify({ source: 'aws.ec2', 'detail-type': 'EC2 Instance State-change Notification' }),
      stateChange('i-nonsense', 'stopped'),
      spotWarning(instanceId, 'yesterday'),
    ]
    for (const body of poison) await w.queues.send('instance-events', body)
    await w.queues.send('instance-events', stateChange(instanceId, 'terminated'))
    await read(w)
    expect((await agent.ledger()).life).toBe('gone')
    for (let second = 0; second < 40; second++) {
      w.clock.move(1_000)
      await read(w)
    }
    const letters = await deadLettersOf(w.queues).list()
    expect(letters.map(({ body }) => body).sort()).toEqual([...poison].sort())
  })

  test('a table that is away fails the message of that instance, which comes again', async () => {
    let isAway = false
    const { ec2, w, instanceId, agent } = await cloud({
      store: (store) => ({
        ...store,
        async query(partition, ref, options) {
          if (isAway && partition === 'instance') throw new Error('the table is away')
          return await store.query(partition, ref, options)
        },
      }),
    })
    ec2.become(instanceId, 'terminated')
    isAway = true
    await w.queues.send('instance-events', stateChange(instanceId, 'terminated'))
    await read(w)
    expect((await agent.ledger()).life).toBe('active')
    isAway = false
    w.clock.move(1_000)
    await read(w)
    expect((await agent.ledger()).life).toBe('gone')
  })
})

const iso = (ms: number) => new Date(Math.floor(ms / 1_000) * 1_000).toISOString()

describe('notices', () => {
  test('F82 a Spot notice drains within what is left of the two minutes; termination makes it gone', async () => {
    const { ec2, w, instanceId, agent, deliver } = await cloud()
    await deliver(spotWarning(instanceId, iso(w.clock.now() - 10_000)))
    const { drain, deactivated } = await agent.ledger()
    expect(deactivated).toBe(true)
    expect(drain).toMatchObject({ state: 'DRAINING', markGone: false })
    expect(drain?.maxGraceMs).toBeGreaterThan(77_000)
    expect(drain?.maxGraceMs).toBeLessThanOrEqual(80_000)
    const list = await agent.sync()
    expect(list).toMatchObject({ tasks: [{ taskId: 't1', wanted: 'stop' }] })
    if (list.kind === 'wanted') agent.applied = list.generation
    await agent.update('t1', 'TASK_KILLED')
    ec2.become(instanceId, 'terminated', 'Server.SpotInstanceTermination')
    await deliver(stateChange(instanceId, 'terminated'))
    expect((await agent.ledger()).life).toBe('gone')
    await w.check()
  })

  test('a repeat of the notice changes nothing, and a late one leaves what is left', async () => {
    const { w, instanceId, agent, deliver } = await cloud()
    const notice = spotWarning(instanceId, iso(w.clock.now()))
    await deliver(notice, notice)
    const first = await agent.ledger()
    await later(w, 20_000)
    await deliver(notice)
    expect((await agent.ledger()).drain).toEqual(first.drain)
    expect(first.drain?.asked).toBe(1)
    await deliver(spotWarning(instanceId, iso(w.clock.now() - 3_600_000)))
    expect((await agent.ledger()).drain?.maxGraceMs).toBe(0)
  })

  test('a notice takes no operator’s wish away', async () => {
    const { w, instanceId, agent, deliver } = await cloud()
    const { drainAgent } = await import('../../../functions/agents/drain.ts')
    await drainAgent(w.env, agent.id, { markGone: true })
    await deliver(spotWarning(instanceId, iso(w.clock.now())))
    expect((await agent.ledger()).drain).toMatchObject({ markGone: true, maxGraceMs: NOTICES.spotGraceMs })
  })

  test('R9 a notice about a machine that is dead by now buries it; about an unknown or hidden one it drains', async () => {
    const { ec2, w, instanceId, agent, deliver } = await cloud()
    ec2.failWith('RequestLimitExceeded')
    await deliver(spotWarning(instanceId, iso(w.clock.now())))
    expect(await agent.ledger()).toMatchObject({ life: 'active', drain: { state: 'DRAINING' } })
    ec2.failWith(undefined)
    ec2.become(instanceId, 'terminated')
    await later(w, 3_000)
    expect((await agent.ledger()).life).toBe('gone')
  })

  test('an agent too old to drain gets no more offers', async () => {
    const { w, instanceId, agent, deliver } = await cloud()
    await agent.register({ capabilities: [], bootNonce: 'older' })
    await deliver(spotWarning(instanceId, iso(w.clock.now())))
    expect(await agent.ledger()).toMatchObject({ deactivated: true })
    expect((await agent.ledger()).drain).toBeUndefined()
  })

  test('a rebalance recommendation drains only where the setting says so', async () => {
    const off = await cloud()
    await off.deliver(rebalance(off.instanceId))
    expect((await off.agent.ledger()).drain).toBeUndefined()
    const on = await cloud({ settings: { notices: { ...NOTICES, drainsOnRebalance: true } } })
    await on.deliver(rebalance(on.instanceId))
    expect((await on.agent.ledger()).drain).toMatchObject({ maxGraceMs: NOTICES.drainGraceMs })
    // The notice that follows is stricter.
    await on.deliver(spotWarning(on.instanceId, iso(on.w.clock.now())))
    expect((await on.agent.ledger()).drain).toMatchObject({ maxGraceMs: NOTICES.spotGraceMs })
  })
})

describe('the termination hook of Auto Scaling', () => {
  const token = '87654321-4321-4321-4321-210987654321'
  const action = { group: 'agents', hook: 'drain', token }

  test('F82 it waits for the drain and is let go when it is over', async () => {
    const { ec2, w, framework, instanceId, agent, deliver } = await cloud()
    ec2.wait(action, instanceId)
    await deliver(terminateHook(instanceId))
    expect(await agent.ledger()).toMatchObject({ lifecycle: action, drain: { state: 'DRAINING' } })
    await later(w, 5_000)
    expect(ec2.completed).toEqual([])
    const list = await agent.sync()
    if (list.kind === 'wanted') agent.applied = list.generation
    await agent.update('t1', 'TASK_KILLED')
    await w.env.store.commit(
      (await w.mail(framework.frameworkId)).length > 0
        ? [
            {
              do: 'remove',
              kind: 'mail',
              item: { frameworkId: framework.frameworkId, shard: 0, key: 'UPDATE#t1' },
              when: { name: 'anything' },
            },
          ]
        : [],
      'acknowledged',
    )
    await finishDrain(w.env, agent.id)
    expect((await agent.ledger()).drain?.state).toBe('DRAINED')
    await later(w, 1_000)
    expect(ec2.completed).toEqual([token])
    expect((await agent.ledger()).lifecycle).toBeUndefined()
  })

  test('at its deadline it is let go though tasks still run', async () => {
    const { ec2, w, instanceId, agent, deliver } = await cloud({
      settings: { notices: { ...NOTICES, hookMs: 20_000 } },
    })
    ec2.wait(action, instanceId)
    await deliver(terminateHook(instanceId))
    await later(w, 18_000)
    expect(ec2.completed).toEqual([])
    await later(w, 5_000)
    expect(ec2.completed).toEqual([token])
    expect((await agent.ledger()).lifecycle).toBeUndefined()
  })

  test('doubled, late, refused and crossed by death: it is let go once, and forgotten', async () => {
    const { ec2, w, instanceId, agent, deliver } = await cloud()
    ec2.wait(action, instanceId)
    await deliver(terminateHook(instanceId), terminateHook(instanceId))
    ec2.become(instanceId, 'terminated')
    await deliver(stateChange(instanceId, 'terminated'))
    expect((await agent.ledger()).life).toBe('gone')
    ec2.failWith('Auto Scaling is away')
    await later(w, 2_000)
    expect(ec2.completed).toEqual([])
    ec2.failWith(undefined)
    await later(w, 2_000)
    expect(ec2.completed).toEqual([token])
    await deliver(terminateHook(instanceId))
    expect(ec2.completed).toEqual([token])
    expect((await agent.ledger()).lifecycle).toBeUndefined()
  })

  test('of an agent that an operator marked gone it is let go at once', async () => {
    const { ec2, w, instanceId, agent, deliver } = await cloud()
    await markAgentGone(w.env, agent.id)
    ec2.wait(action, instanceId)
    await deliver(terminateHook(instanceId))
    expect(ec2.completed).toEqual([token])
  })
})
