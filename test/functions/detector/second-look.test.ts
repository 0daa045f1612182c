// The detector's own look at EC2: a lost event does not matter, and no answer of EC2 costs anybody its life.
import {
  EC2Client,
  RunInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2'
import { describe, expect, test } from 'vitest'
import { ec2Client } from '../../../functions/ports/ec2-client.ts'
import { memoryEc2 } from '../../../functions/ports/ec2-memory.ts'
import { startMiniStack } from '../../ministack.ts'
import { world } from '../agents/world.ts'

describe('the second look', () => {
  test('F14 F82 the event got lost: a suspect that EC2 has terminated is gone half-way to its timeout', async () => {
    const ec2 = memoryEc2()
    const w = await world({ ec2 })
    const instanceId = ec2.run()
    const agent = await w.agent({ instanceId })
    await w.run(5_000)
    agent.isUp = false
    ec2.become(instanceId, 'terminated')
    const died = agent.lastBeat
    while ((await agent.ledger()).life === 'active') await w.run(1_000)
    expect((await agent.ledger()).life).toBe('gone')
    expect(w.clock.now() - died).toBeLessThanOrEqual(4_500 + 3_000)
  })

  test('F14 an agent that was given up is buried when EC2 says so, however late, within a minute', async () => {
    const ec2 = memoryEc2()
    const w = await world({ ec2 })
    const instanceId = ec2.run()
    const agent = await w.agent({ instanceId })
    await w.run(5_000)
    agent.isUp = false
    await w.run(14_000)
    expect((await agent.ledger()).life).toBe('unreachable')
    ec2.become(instanceId, 'terminated')
    await w.run(62_000)
    expect((await agent.ledger()).life).toBe('gone')
    expect(await w.losses()).toEqual([agent.id])
    // The dead are not looked up any more.
    const before = ec2.calls
    await w.run(120_000)
    expect(ec2.calls).toBe(before)
  })

  test('R9 while EC2 says running, does not know it, or refuses, beats alone decide, and in time', async () => {
    const ec2 = memoryEc2()
    const w = await world({ ec2 })
    const running = await w.agent({ instanceId: ec2.run() })
    const forgotten = ec2.run()
    const unknown = await w.agent({ instanceId: forgotten })
    const healthy = await Promise.all(Array.from({ length: 4 }, () => w.agent({ instanceId: ec2.run() })))
    await w.run(5_000)
    ec2.forget(forgotten)
    running.isUp = unknown.isUp = false
    await w.run(7_000)
    expect((await running.ledger()).life).toBe('active')
    expect((await unknown.ledger()).life).toBe('active')
    ec2.failWith('UnauthorizedOperation')
    await w.run(6_000)
    expect((await running.ledger()).life).toBe('unreachable')
    expect((await unknown.ledger()).life).toBe('unreachable')
    for (const agent of healthy) expect((await agent.ledger()).life).toBe('active')
  })

  test('F2 nobody asks EC2 while nobody is suspect, and after a refusal it is left alone for ten seconds', async () => {
    const ec2 = memoryEc2()
    const w = await world({ ec2 })
    const agent = await w.agent({ instanceId: ec2.run() })
    await w.run(60_000)
    expect(ec2.calls).toBe(0)
    ec2.failWith('RequestLimitExceeded')
    agent.isUp = false
    await w.run(9_000)
    expect(ec2.calls).toBe(1)
  })

  test('F20 R8 the dead that EC2 proves do not count for the guard: fifteen of thirty, and three more within the limit', async () => {
    const ec2 = memoryEc2()
    const w = await world({ ec2, settings: { agentIndexShards: 4 } })
    const agents = []
    for (let index = 0; index < 30; index++) agents.push(await w.agent({ instanceId: ec2.run() }))
    await w.run(5_000)
    // Eighteen of thirty, far above a fifth. EC2 proves fifteen of them dead, three just fall silent.
    const dead = agents.slice(0, 15)
    const silent = agents.slice(15, 18)
    for (const agent of [...dead, ...silent]) agent.isUp = false
    for (const agent of dead) {
      const { instanceId = '' } = await agent.ledger()
      ec2.become(instanceId, 'terminated')
    }
    await w.run(14_000)
    for (const agent of dead) expect((await agent.ledger()).life).toBe('gone')
    // Three of the fifteen left are at the limit of a fifth.
    for (const agent of silent) expect((await agent.ledger()).life).toBe('unreachable')
    expect(w.logged.filter((line) => line.startsWith('alarm'))).toEqual([])
    for (const agent of agents.slice(18)) expect((await agent.ledger()).life).toBe('active')
  })

  test('an EC2 that never answers delays no verdict beyond its part of the tick', async () => {
    const w = await world({
      ec2: {
        // It ends when it is called off, and only then.
        lookUp: (_, signal) =>
          new Promise((resolve) => {
            signal?.addEventListener('abort', () =>
              resolve({ seen: new Map(), calls: 1, failed: 'too slow' }),
            )
          }),
        complete: () => Promise.reject(new Error('not asked')),
      },
    })
    const agent = await w.agent({ instanceId: 'i-0123456789abcdef0' })
    await w.run(5_000)
    agent.isUp = false
    await w.run(14_000)
    expect((await agent.ledger()).life).toBe('unreachable')
  })
})

const miniStack = await startMiniStack()
if ('skipped' in miniStack) console.warn(`the look at MiniStack's EC2 is skipped: ${miniStack.skipped}`)

describe.skipIf('skipped' in miniStack)('over MiniStack', () => {
  test('F14 F82 instances are run, stopped and terminated; their agents become unreachable and gone', async () => {
    if ('skipped' in miniStack) return
    const { endpoint, stop } = miniStack
    const given = {
      region: 'us-east-1',
      endpoint,
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    }
    const owner = new EC2Client(given)
    const ec2 = ec2Client({ ...given, callTimeoutMs: 10_000 })
    // The clock of this world stands still: EC2 has all the time it wants.
    const w = await world({ ec2: { ...ec2, lookUp: (ids) => ec2.lookUp(ids) } })
    const input = { ImageId: 'ami-12345678', MinCount: 3, MaxCount: 3, InstanceType: 't3.micro' } as const
    const { Instances = [] } = await owner.send(new RunInstancesCommand(input))
    const ids = Instances.map(({ InstanceId = '' }) => InstanceId)
    const agents = await Promise.all(ids.map((instanceId) => w.agent({ instanceId })))
    await w.run(5_000)
    const [first = '', second = ''] = ids
    await owner.send(new TerminateInstancesCommand({ InstanceIds: [first] }))
    await owner.send(new StopInstancesCommand({ InstanceIds: [second] }))
    for (const agent of agents) agent.isUp = false
    await w.run(8_000)
    expect(await Promise.all(agents.map(async (agent) => (await agent.ledger()).life))).toEqual([
      'gone',
      'unreachable',
      'active',
    ])
    ec2.close()
    owner.destroy()
    await stop()
  })
})
