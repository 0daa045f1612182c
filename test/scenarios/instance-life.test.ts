// Machines that EC2 stops and starts, freezes and thaws: the same agent returns, and nothing of before is believed.
import { describe, expect, test } from 'vitest'
import { instanceEvents } from '../../functions/instance-events/handler.ts'
import type { Ec2 } from '../../functions/ports/ec2.ts'
import { memoryEc2 } from '../../functions/ports/ec2-memory.ts'
import type { MailBody } from '../../master/model.ts'
import { world } from '../functions/agents/world.ts'
import { stateChange } from '../functions/instance-events/recorded.ts'

const HOUR = 3_600_000

async function machine(around: (ec2: Ec2) => Partial<Ec2> = () => ({})) {
  const ec2 = memoryEc2()
  const w = await world({ ec2: { ...ec2, ...around(ec2) } })
  const framework = await w.framework()
  const instanceId = ec2.run()
  const agent = await w.agent({ instanceId })
  await agent.launch(framework, ['t1'])
  await agent.update('t1', 'TASK_RUNNING')
  await w.run(5_000)
  const event = (state: string) =>
    instanceEvents(w.env, [
      { id: state, body: stateChange(instanceId, state), sentAt: w.clock.now(), receiveCount: 1 },
    ])
  const states = async () => said(await w.mail(framework.frameworkId))
  return { ec2, w, framework, instanceId, agent, event, states }
}

function said(mail: readonly MailBody[]): string[] {
  return mail.flatMap((body) => (body.kind === 'word' ? [body.status.state] : []))
}

describe('stopped-then-started', () => {
  test('stopped-then-started: unreachable at once by the event, back with the same id, its tasks’ ends told', async () => {
    const { ec2, w, framework, instanceId, agent, event, states } = await machine()
    agent.isUp = false
    ec2.become(instanceId, 'stopping')
    await event('stopping')
    expect((await agent.ledger()).life).toBe('active')
    ec2.become(instanceId, 'stopped', 'User initiated')
    await event('stopped')
    // Without a timeout: the machine is off for certain. Not gone: its disk and its agent's id may come back.
    expect((await agent.ledger()).life).toBe('unreachable')
    expect(await states()).toEqual(['TASK_UNREACHABLE'])
    await w.run(HOUR / 60)
    ec2.become(instanceId, 'running')
    await event('running')
    expect((await agent.ledger()).life).toBe('unreachable')
    agent.reboot()
    const end = agent.report('t1', 'TASK_FAILED')
    expect(await agent.register()).toMatchObject({ kind: 'registered', agentId: agent.id })
    agent.isUp = true
    expect(await agent.updates([end])).toMatchObject({ results: ['taken'] })
    expect(await agent.ledger()).toMatchObject({ life: 'active', sums: {}, instanceId })
    expect(await agent.task(framework, 't1')).toMatchObject({ mesos: { state: 'TASK_FAILED' } })
    // A late copy of the old event looks again, and finds a machine that runs.
    await event('stopped')
    await w.run(30_000)
    expect((await agent.ledger()).life).toBe('active')
    expect(await w.losses()).toEqual([agent.id])
    await w.check()
  })

  test('stopped-then-started: the word "stopped" of before the start does not hit the agent that registered since', async () => {
    let whileAsked: (() => Promise<void>) | undefined
    const { ec2, w, instanceId, agent, event } = await machine((inner) => ({
      async lookUp(ids, signal) {
        const answer = await inner.lookUp(ids, signal)
        // EC2 has answered; the machine is started, and its agent registers, before the answer is acted on.
        await whileAsked?.()
        return answer
      },
    }))
    agent.isUp = false
    ec2.become(instanceId, 'stopped')
    whileAsked = async () => {
      whileAsked = undefined
      ec2.become(instanceId, 'running')
      agent.reboot()
      await agent.register()
      agent.isUp = true
    }
    await event('stopped')
    await w.run(20_000)
    expect((await agent.ledger()).life).toBe('active')
    expect(await w.losses()).toEqual([])
  })

  test('stopped-then-started: all events lost, the detector’s look finds the stop; nobody is gone by it', async () => {
    const { ec2, w, instanceId, agent } = await machine()
    agent.isUp = false
    ec2.become(instanceId, 'stopped')
    await w.run(7_000)
    expect((await agent.ledger()).life).toBe('unreachable')
    await w.run(5 * 60_000)
    expect((await agent.ledger()).life).toBe('unreachable')
    ec2.become(instanceId, 'running')
    agent.reboot()
    expect(await agent.register()).toMatchObject({ kind: 'registered', agentId: agent.id })
  })

  test('stopped-then-started, but from another instance with the same disk: refused (F16)', async () => {
    const { ec2, instanceId, agent, event } = await machine()
    agent.isUp = false
    ec2.become(instanceId, 'stopped')
    await event('stopped')
    agent.reboot()
    expect(await agent.register({ instanceId: ec2.run() })).toMatchObject({
      kind: 'shutdown',
      why: expect.stringContaining('fresh work directory'),
    })
    expect((await agent.ledger()).instanceId).toBe(instanceId)
  })
})

describe('hibernated', () => {
  test('hibernated: the memory of before beats on, is told to register, and its tasks go on', async () => {
    const { ec2, w, framework, instanceId, agent, event, states } = await machine()
    agent.isUp = false
    ec2.become(instanceId, 'stopped', 'User initiated hibernation')
    await event('stopped')
    expect(await states()).toEqual(['TASK_UNREACHABLE'])
    for (let minute = 0; minute < 30; minute++) await w.run(60_000, { deaf: minute % 2 === 1 })
    await agent.nudges()
    // It thaws in the middle of what it did: same process, same incarnation, an update half sent.
    ec2.become(instanceId, 'running')
    const late = agent.report('t1', 'TASK_RUNNING', { number: 2 })
    await agent.beat()
    await w.hear()
    expect((await agent.ledger()).life).toBe('unreachable')
    expect(await agent.nudges()).toContainEqual({ kind: 'register' })
    expect(await agent.updates([late])).toEqual({ kind: 'register-again' })
    expect(await agent.register()).toMatchObject({ kind: 'registered', agentId: agent.id })
    agent.isUp = true
    expect(await states()).toEqual(['TASK_RUNNING'])
    expect(await agent.updates([late])).toMatchObject({ results: ['taken'] })
    await w.run(30_000)
    expect((await agent.ledger()).life).toBe('active')
    expect(await agent.task(framework, 't1')).toMatchObject({ standing: 'live' })
    await w.check()
  })

  test('hibernated: launches and kills of meanwhile are in its list, nothing of before is started twice', async () => {
    const { ec2, w, framework, instanceId, agent, event } = await machine()
    // Committed, and its nudge lies unread in the queue of a machine that freezes.
    await agent.launch(framework, ['t2'], { started: false })
    const old = agent.incarnation
    agent.isUp = false
    ec2.become(instanceId, 'stopped')
    await event('stopped')
    await w.run(60_000)
    ec2.become(instanceId, 'running')
    await agent.register()
    agent.isUp = true
    // The old nudge speaks of an incarnation that is over; the launch was settled with the return.
    expect(agent.incarnation).toBeGreaterThan(old)
    expect((await agent.task(framework, 't2'))?.mesos.state).toBe('TASK_DROPPED')
    expect(await agent.sync()).toMatchObject({ tasks: [{ taskId: 't1', wanted: 'run' }] })
    await w.check()
  })

  test('hibernated for less than the timeout, nobody notices', async () => {
    const { w, agent } = await machine()
    agent.isUp = false
    await w.run(4_000)
    agent.isUp = true
    await w.run(20_000)
    expect((await agent.ledger()).life).toBe('active')
    expect(await w.losses()).toEqual([])
  })
})
