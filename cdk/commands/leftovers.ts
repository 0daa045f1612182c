// What of a cluster is still there: looked for after its stack was destroyed.
import { setTimeout as sleep } from 'node:timers/promises'
import { DeleteQueueCommand, ListQueuesCommand, SQSClient } from '@aws-sdk/client-sqs'
import { AwsError, callJson, callQuery, getJson, type Place } from './aws.ts'

export interface Cluster {
  readonly stack: string
  /** Of its queues. */
  readonly prefix: string
}

/** Agents' queues are made when agents register, by no stack: they are removed here. Gives how many. */
export async function removeAgentQueues(place: Place, { prefix }: Cluster): Promise<number> {
  const client = sqs(place)
  const urls = await queueUrls(client, `${prefix}-agent-`)
  for (const QueueUrl of urls) await client.send(new DeleteQueueCommand({ QueueUrl }))
  return urls.length
}

/**
 * Emulators make a log group anew for what a function says that was under way when its group was deleted; on AWS our
 * roles forbid that. Gives how many were removed, once a look finds none.
 */
export async function removeLateLogs(place: Place, { stack }: Cluster): Promise<number> {
  for (let removed = 0, looks = 0; ; looks++) {
    const groups = await logGroupsOf(place, stack)
    // Those of the stack have a retention, which nobody gave to these.
    const names = groups.filter((group) => typeof group.retentionInDays !== 'number').map(nameOfGroup)
    if (names.length === 0 || looks === LOOKS_FOR_LOGS) return removed
    for (const logGroupName of names)
      await callJson(place, 'logs', 'Logs_20140328.DeleteLogGroup', { logGroupName })
    removed += names.length
    await sleep(1_000)
  }
}

const LOOKS_FOR_LOGS = 15

/** A line for each thing that is named after the stack or its queues. */
export async function leftovers(place: Place, { stack, prefix }: Cluster): Promise<readonly string[]> {
  // Sequential: a look that fails says which it was.
  return [
    ...((await hasStack(place, stack)) ? [`stack ${stack}`] : []),
    ...(await tables(place, stack)).map((name) => `table ${name}`),
    ...(await queueUrls(sqs(place), `${prefix}-`)).map((url) => `queue ${url}`),
    ...(await functions(place, stack)).map((name) => `function ${name}`),
    ...(await logGroups(place, stack)).map((name) => `log group ${name}`),
    ...(await secrets(place, stack)).map((name) => `secret ${name}`),
  ]
}

async function hasStack(place: Place, StackName: string): Promise<boolean> {
  try {
    const input = { Action: 'DescribeStacks', Version: '2010-05-15', StackName }
    return !(await callQuery(place, 'cloudformation', input)).includes('DELETE_COMPLETE')
  } catch (error) {
    // AWS's answer to a name it does not know.
    if (error instanceof AwsError && error.code === 'ValidationError') return false
    throw error
  }
}

async function tables(place: Place, stack: string): Promise<readonly string[]> {
  // The first hundred that may be ours.
  const input = { ExclusiveStartTableName: `${stack}-` }
  const { TableNames } = await callJson(place, 'dynamodb', 'DynamoDB_20120810.ListTables', input)
  return ownOf(TableNames, stack)
}

async function functions(place: Place, stack: string): Promise<readonly string[]> {
  const names: string[] = []
  for (let marker = ''; ; ) {
    const page = await getJson(place, 'lambda', `/2015-03-31/functions/?MaxItems=50${marker}`)
    names.push(...namesOf(page.Functions, 'FunctionName'))
    if (typeof page.NextMarker !== 'string' || page.NextMarker === '') return ownOf(names, stack)
    marker = `&Marker=${encodeURIComponent(page.NextMarker)}`
  }
}

async function logGroups(place: Place, stack: string): Promise<readonly string[]> {
  return (await logGroupsOf(place, stack)).map(nameOfGroup)
}

type LogGroup = Readonly<Record<string, unknown>>

/** CloudFormation names them after the stack, Lambda after the function, emulators in a folder of theirs. */
async function logGroupsOf(place: Place, stack: string): Promise<readonly LogGroup[]> {
  const found = await Promise.all(
    [`${stack}-`, `/aws/lambda/${stack}-`, `/aws/cloudformation/${stack}/`].map(
      async (logGroupNamePrefix) => {
        const input = { logGroupNamePrefix }
        const { logGroups } = await callJson(place, 'logs', 'Logs_20140328.DescribeLogGroups', input)
        // A list of groups, as the service answers.
        return (logGroups ?? []) as readonly LogGroup[]
      },
    ),
  )
  return found.flat()
}

function nameOfGroup({ logGroupName }: LogGroup): string {
  return String(logGroupName)
}

async function secrets(place: Place, stack: string): Promise<readonly string[]> {
  const input = { Filters: [{ Key: 'name', Values: [stack] }] }
  return namesOf(
    (await callJson(place, 'secretsmanager', 'secretsmanager.ListSecrets', input)).SecretList,
    'Name',
  )
}

async function queueUrls(client: SQSClient, QueueNamePrefix: string): Promise<readonly string[]> {
  const urls: string[] = []
  for (let NextToken: string | undefined; ; ) {
    const page = await client.send(
      new ListQueuesCommand({
        QueueNamePrefix,
        MaxResults: 1_000,
        ...(NextToken === undefined ? {} : { NextToken }),
      }),
    )
    urls.push(...(page.QueueUrls ?? []))
    NextToken = page.NextToken
    if (NextToken === undefined) return urls
  }
}

function sqs({ region, endpoint, credentials }: Place): SQSClient {
  return new SQSClient({
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
  })
}

function ownOf(names: unknown, stack: string): readonly string[] {
  // A list of texts, as the service answers.
  return ((names ?? []) as readonly string[]).filter((name) => name.startsWith(`${stack}-`))
}

function namesOf(list: unknown, key: string): readonly string[] {
  return ((list ?? []) as readonly Readonly<Record<string, unknown>>[]).map((one) => String(one[key]))
}
