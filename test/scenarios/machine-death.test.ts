// A machine is terminated: real agents, real handlers and a framework over HTTP; EC2 is MiniStack's, or one in memory.
import { EC2Client, RunInstancesCommand, TerminateInstancesCommand } from '@aws-sdk/client-ec2'
import { afterAll, describe, expect, test } from 'vitest'
import type { Environment } from '../../functions/environment.ts'
import { ec2Client } from '../../functions/ports/ec2-client.ts'
import { memoryEc2 } from '../../functions/ports/ec2-memory.ts'
import type { Offer } from '../../protocol/messages.ts'
import { startCluster } from '../cluster.ts'
import { commandTask, TestFramework } from '../framework.ts'
import { stateChange } from '../functions/instance-events/recorded.ts'
import { startMiniStack } from '../ministack.ts'

interface Cloud {
  readonly ec2: NonNullable<Environment['ec2']>
  run(): Promise<string>
  terminate(id: string): Promise<void>
  close(): void
}

function inMemory(): Cloud {
  const ec2 = memoryEc2()
  return {
    ec2,
    run: async () => ec2.run(),
    terminate: async (id) => ec2.become(id, 'terminated', 'User initiated'),
    close() {},
  }
}

const miniStack = await startMiniStack()
if ('skipped' in miniStack) console.warn(`death of a machine over MiniStack is skipped: ${miniStack.skipped}`)
afterAll(async () => ('stop' in miniStack ? await miniStack.stop() : undefined))

function overMiniStack(): Cloud {
  if ('skipped' in miniStack) throw new Error(miniStack.skipped)
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  const given = { region: 'us-east-1', endpoint: miniStack.endpoint, credentials }
  const ec2 = ec2Client({ ...given, callTimeoutMs: 10_000 })
  const owner = new EC2Client(given)
  return {
    ec2,
    async run() {
      const input = { ImageId: 'ami-12345678', MinCount: 1, MaxCount: 1, InstanceType: 't3.micro' } as const
      return (await owner.send(new RunInstancesCommand(input))).Instances?.[0]?.InstanceId ?? ''
    },
    terminate: async (id) => void (await owner.send(new TerminateInstancesCommand({ InstanceIds: [id] }))),
    close() {
      ec2.close()
      owner.destroy()
    },
  }
}

const clouds = [
  ['in memory', inMemory, false],
  ['of MiniStack', overMiniStack, 'skipped' in miniStack],
] as const

for (const [name, cloudOf, isSkipped] of clouds) {
  describe.skipIf(isSkipped)(`EC2 ${name}`, () => {
    test('F14 F82 a task on a terminated machine is GONE_BY_OPERATOR as soon as the event is read, and placed anew', async () => {
      const cloud = cloudOf()
      const cluster = await startCluster({ agents: 0, store: 'memory', ec2: cloud.ec2 })
      try {
        const instanceId = await cloud.run()
        const doomed = await cluster.addAgent({ instanceId })
        const framework = await TestFramework.subscribe(cluster.url, {
          info: { checkpoint: true },
          capabilities: ['PARTITION_AWARE'],
        })
        const offer = await framework.offer()
        await framework.launch([offer], [commandTask(offer, 'first', 'sleep 1000')], 0)
        await framework.update('first', 'TASK_RUNNING')
        doomed.cut()
        await cloud.terminate(instanceId)
        await cluster.queues.sendTo('instance-events', stateChange(instanceId, 'terminated'))
        // The clock flows with real time and is not moved: no timeout of 9 s has part in it.
        const gone = await framework.update('first', 'TASK_GONE_BY_OPERATOR')
        expect(gone).toMatchObject({
          reason: 'REASON_AGENT_REMOVED_BY_OPERATOR',
          message: expect.stringContaining(instanceId),
        })
        await framework.next(({ failure }) => failure?.agent_id?.value === doomed.id)
        const healthy = await cluster.addAgent({ instanceId: await cloud.run() })
        const isHealthy = ({ agent_id }: Offer) => agent_id.value === healthy.id
        const event = await framework.next(({ offers }) => offers?.offers?.some(isHealthy) ?? false)
        const anew = event.offers?.offers?.find(isHealthy) ?? expect.fail('no offer')
        await framework.launch([anew], [commandTask(anew, 'second', 'sleep 1000')], 0)
        await framework.update('second', 'TASK_RUNNING')
        await framework.call({ type: 'TEARDOWN' })
      } finally {
        await cluster.stop()
        cloud.close()
      }
    })
  })
}
