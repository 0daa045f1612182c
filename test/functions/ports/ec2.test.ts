// One contract for every adapter of EC2: what may be concluded from what it says, and from its silence.

import { createServer } from 'node:http'
import {
  EC2Client,
  RunInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2'
import { afterAll, describe, expect, test } from 'vitest'
import type { Ec2, LifecycleActions } from '../../../functions/ports/ec2.ts'
import { INSTANCES_PER_CALL, isInstanceId } from '../../../functions/ports/ec2.ts'
import { type Ec2ClientOptions, ec2Client } from '../../../functions/ports/ec2-client.ts'
import { memoryEc2 } from '../../../functions/ports/ec2-memory.ts'
import { ec2Query } from '../../../functions/ports/ec2-query.ts'
import { proofOf } from '../../../master/detection/proof.ts'
import { systemClock } from '../../../protocol/clock.ts'
import { startMiniStack } from '../../ministack.ts'

const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
const region = 'us-east-1'

/** EC2 from its other side: who owns the instances. */
interface Owner {
  run(): Promise<string>
  stop(id: string): Promise<void>
  start(id: string): Promise<void>
  terminate(id: string): Promise<void>
}

interface Opened {
  readonly ec2: Ec2 & LifecycleActions
  readonly owner: Owner
  close(): Promise<void>
}

async function inMemory(): Promise<Opened> {
  const ec2 = memoryEc2()
  const owner: Owner = {
    run: async () => ec2.run(),
    stop: async (id) => ec2.become(id, 'stopped'),
    start: async (id) => ec2.become(id, 'running'),
    terminate: async (id) => ec2.become(id, 'terminated'),
  }
  return { ec2, owner, close: async () => {} }
}

const miniStack = await startMiniStack()
if ('skipped' in miniStack) console.warn(`EC2 over MiniStack is skipped: ${miniStack.skipped}`)
afterAll(async () => ('stop' in miniStack ? await miniStack.stop() : undefined))

type Given = Pick<Ec2ClientOptions, 'endpoint' | 'callTimeoutMs'>

/** Both adapters for AWS: the one over the SDK, and the plain one of the functions. */
const clients = {
  'through the SDK': (given: Given) => ec2Client({ region, credentials, ...given }),
  'by plain calls': (given: Given) => ({
    ...ec2Query({ region, credentials, clock: systemClock, ...given }),
    close() {},
  }),
} as const

async function overMiniStack(how: keyof typeof clients): Promise<Opened> {
  if ('skipped' in miniStack) throw new Error(miniStack.skipped)
  const { endpoint } = miniStack
  const ec2 = clients[how]({ endpoint, callTimeoutMs: 10_000 })
  const client = new EC2Client({ region, endpoint, credentials })
  const owner: Owner = {
    async run() {
      const input = { ImageId: 'ami-12345678', MinCount: 1, MaxCount: 1, InstanceType: 't3.micro' } as const
      const { Instances } = await client.send(new RunInstancesCommand(input))
      return Instances?.[0]?.InstanceId ?? expect.fail('no instance')
    },
    stop: async (id) => void (await client.send(new StopInstancesCommand({ InstanceIds: [id] }))),
    start: async (id) => void (await client.send(new StartInstancesCommand({ InstanceIds: [id] }))),
    terminate: async (id) => void (await client.send(new TerminateInstancesCommand({ InstanceIds: [id] }))),
  }
  return {
    ec2,
    owner,
    async close() {
      ec2.close()
      client.destroy()
    },
  }
}

const adapters = [
  ['in memory', inMemory, false],
  ['over MiniStack through the SDK', () => overMiniStack('through the SDK'), 'skipped' in miniStack],
  ['over MiniStack by plain calls', () => overMiniStack('by plain calls'), 'skipped' in miniStack],
] as const

for (const [name, open, isSkipped] of adapters) {
  describe.skipIf(isSkipped)(`EC2 ${name}`, () => {
    async function opened(work: (o: Opened) => Promise<void>): Promise<void> {
      const one = await open()
      await work(one).finally(() => one.close())
    }
    const proof = async ({ ec2 }: Opened, id: string) => proofOf((await ec2.lookUp([id])).seen.get(id))

    test('F14 F82 a running instance is alive, a terminated one is dead for good', () =>
      opened(async (o) => {
        const id = await o.owner.run()
        expect(isInstanceId(id)).toBe(true)
        expect(await proof(o, id)).toBe('alive')
        await o.owner.terminate(id)
        expect(await proof(o, id)).toBe('dead')
        await o.owner.start(id).catch(() => {})
        if (name === 'in memory') expect(await proof(o, id)).toBe('dead')
      }))

    test('a stopped instance is stopped, and alive once it was started', () =>
      opened(async (o) => {
        const id = await o.owner.run()
        await o.owner.stop(id)
        expect(await proof(o, id)).toBe('stopped')
        await o.owner.start(id)
        expect(await proof(o, id)).toBe('alive')
      }))

    test('R9 an id that EC2 does not know is no verdict, and hides nothing about the others', () =>
      opened(async (o) => {
        const id = await o.owner.run()
        const unknown = 'i-0123456789abcdef0'
        const { seen, failed } = await o.ec2.lookUp([unknown, id])
        expect([...seen.keys()]).toEqual([id])
        expect(failed).toBeUndefined()
        expect(proofOf(seen.get(unknown))).toBe('look-again')
      }))

    test('only what was asked for is answered; what is no instance id is not asked for', () =>
      opened(async (o) => {
        await o.owner.run()
        expect(await o.ec2.lookUp([])).toEqual({ seen: new Map(), calls: 0 })
        expect(await o.ec2.lookUp(['mi-1', '', 'i-1', '*', 'i-0123456789abcdef0*'])).toMatchObject({
          calls: 0,
        })
        const id = await o.owner.run()
        expect([...(await o.ec2.lookUp([id, id])).seen.keys()]).toEqual([id])
      }))

    test('many are asked for in batches', () =>
      opened(async (o) => {
        const id = await o.owner.run()
        const others = Array.from({ length: 2 * INSTANCES_PER_CALL }, (_, index) => {
          return `i-${(0xabc000 + index).toString(16).padStart(17, '0')}`
        })
        const { seen, calls } = await o.ec2.lookUp([...others, id])
        expect([...seen.keys()]).toEqual([id])
        expect(calls).toBe(3)
      }))

    test('a look-up that was called off says so and throws nothing', () =>
      opened(async (o) => {
        const id = await o.owner.run()
        const { seen, failed } = await o.ec2.lookUp([id], AbortSignal.abort())
        expect(seen.size).toBe(0)
        expect(failed).toBe('EC2 did not answer in time')
      }))

    test('a lifecycle action is completed', () =>
      opened(async (o) => {
        const action = { group: 'agents', hook: 'drain', token: 'c613620e-07e2-4ed2-a9e2-ef8258911ade' }
        const id = await o.owner.run()
        if ('wait' in o.ec2) (o.ec2 as ReturnType<typeof memoryEc2>).wait(action, id)
        expect(await o.ec2.complete(action, id)).toBe('completed')
      }))
  })
}

describe.each(['through the SDK', 'by plain calls'] as const)(
  'the adapter for AWS %s, against answers of ours',
  (how) => {
    interface Answer {
      readonly status: number
      readonly body: string
    }

    /** Answers one call after the other as told, the last one for ever; notes what was asked. */
    async function answering(
      answers: readonly Answer[],
      work: (ec2: Ec2 & LifecycleActions, asked: string[]) => Promise<void>,
    ) {
      const asked: string[] = []
      const server = createServer((request, response) => {
        const chunks: Buffer[] = []
        request.on('data', (chunk: Buffer) => chunks.push(chunk))
        request.on('end', () => {
          asked.push(`${request.headers.authorization ?? ''} ${Buffer.concat(chunks).toString()}`)
          const answer = answers[Math.min(asked.length, answers.length) - 1]
          if (answer === undefined) return
          response.writeHead(answer.status, { 'content-type': 'text/xml' }).end(answer.body)
        })
      })
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const address = server.address()
      const port = typeof address === 'object' ? address?.port : 0
      const ec2 = clients[how]({ endpoint: `http://127.0.0.1:${port}`, callTimeoutMs: 500 })
      try {
        await work(ec2, asked)
      } finally {
        ec2.close()
        server.closeAllConnections()
        server.close()
      }
    }

    const instance = (id: string, state: string) =>
      `<item><instancesSet><item><instanceId>${id}</instanceId><instanceState><code>0</code><name>${state}</name></instanceState><reason>Server.SpotInstanceTermination</reason></item></instancesSet></item>`
    const page = (items: string, token = '') => ({
      status: 200,
      body: `<DescribeInstancesResponse><reservationSet>${items}</reservationSet>${token === '' ? '' : `<nextToken>${token}</nextToken>`}</DescribeInstancesResponse>`,
    })
    const error = (status: number, code: string) => ({
      status,
      body: `<Response><Errors><Error><Code>${code}</Code><Message>said ${code}</Message></Error></Errors></Response>`,
    })
    const [A, B] = ['i-0123456789abcdef0', 'i-0123456789abcdef1'] as const

    test('reads on while there are pages', () =>
      answering(
        [page(instance(A, 'terminated'), 'more'), page(instance(B, 'running'))],
        async (ec2, asked) => {
          const { seen, calls } = await ec2.lookUp([A, B])
          expect(seen.get(A)).toEqual({ state: 'terminated', why: 'Server.SpotInstanceTermination' })
          expect(seen.get(B)?.state).toBe('running')
          expect(calls).toBe(2)
          expect(asked[1]).toContain('NextToken=more')
        },
      ))

    test('a state of a later day is unknown, and looked at again', () =>
      answering([page(instance(A, 'levitating'))], async (ec2) => {
        expect(proofOf((await ec2.lookUp([A])).seen.get(A))).toBe('look-again')
      }))

    test('throttled, it tries again a little later', () =>
      answering([error(503, 'RequestLimitExceeded'), page(instance(A, 'stopped'))], async (ec2) => {
        const { seen, failed } = await ec2.lookUp([A])
        expect(seen.get(A)?.state).toBe('stopped')
        expect(failed).toBeUndefined()
      }))

    test('R9 not allowed, it has no verdict and says why', () =>
      answering([error(403, 'UnauthorizedOperation')], async (ec2, asked) => {
        const { seen, failed } = await ec2.lookUp([A])
        expect(seen.size).toBe(0)
        expect(failed).toContain('UnauthorizedOperation')
        expect(asked).toHaveLength(1)
      }))

    test('R9 without an answer in time it has no verdict', () =>
      answering([], async (ec2) => {
        const { seen, failed } = await ec2.lookUp([A], AbortSignal.timeout(300))
        expect(seen.size).toBe(0)
        expect(failed).toBe('EC2 did not answer in time')
      }))

    test('a lifecycle action is signed for Auto Scaling; one that is not waited for is over; a refusal is an error', () =>
      answering(
        [
          { status: 200, body: '<CompleteLifecycleActionResponse/>' },
          {
            status: 400,
            body: '<ErrorResponse><Error><Code>ValidationError</Code><Message>No active Lifecycle Action found with instance ID</Message></Error></ErrorResponse>',
          },
          { status: 403, body: '<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>' },
        ],
        async (ec2, asked) => {
          const action = { group: 'agents', hook: 'drain', token: 'token' }
          expect(await ec2.complete(action, A)).toBe('completed')
          expect(asked[0]).toContain(`/${region}/autoscaling/aws4_request`)
          expect(asked[0]).toContain('Action=CompleteLifecycleAction')
          expect(asked[0]).toContain('LifecycleActionResult=CONTINUE')
          expect(await ec2.complete(action, A)).toBe('over')
          await expect(ec2.complete(action, A)).rejects.toThrow('AccessDenied')
        },
      ))
  },
)
