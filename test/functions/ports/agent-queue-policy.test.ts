// Each command queue opens to its own instance alone (A6, A9): what is asked of SQS when an agent's queue is made.
import { expect, test } from 'vitest'
import { sqsQueues } from '../../../functions/ports/queues-sqs.ts'
import type { SqsCalls } from '../../../functions/ports/sqs-calls.ts'
import { systemClock } from '../../../protocol/clock.ts'

const ROLE = 'arn:aws:iam::123456789012:role/Agents'

async function attributesOf(agentRoleArn: string | undefined, instanceId: string | undefined) {
  const made: Record<string, string>[] = []
  const call = async (operation: string, input: { Attributes?: Record<string, string> }) => {
    if (operation === 'GetQueueUrl') throw Object.assign(new Error('no'), { name: 'QueueDoesNotExist' })
    made.push(input.Attributes ?? {})
    return { QueueUrl: 'https://sqs/1' }
  }
  // Only what the making of a queue calls.
  const calls = { call, close: () => {} } as unknown as SqsCalls
  const queues = sqsQueues({ clock: systemClock, region: 'eu-west-1', prefix: 'meseta', agentRoleArn, calls })
  await queues.ensureAgentQueue('m-S1', instanceId)
  return made[0] ?? {}
}

test('A6, A9: the role of the agents gets at it from one instance only', async () => {
  const { Policy = '{}' } = await attributesOf(ROLE, 'i-0123456789abcdef0')
  expect(JSON.parse(Policy).Statement).toEqual([
    {
      Effect: 'Allow',
      Principal: { AWS: ROLE },
      Action: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility'],
      Resource: 'arn:aws:sqs:eu-west-1:123456789012:meseta-agent-m-S1',
      Condition: { StringLike: { 'aws:userid': '*:i-0123456789abcdef0' } },
    },
  ])
})

test('where nobody says who calls there is no policy', async () => {
  expect((await attributesOf(undefined, 'i-0123456789abcdef0')).Policy).toBeUndefined()
  expect((await attributesOf(ROLE, undefined)).Policy).toBeUndefined()
})
