// What a function is given of the world, from its variables: clients and settings once per process, nothing else.
import { type Clock, systemClock } from '../../protocol/clock.ts'
import { dynamoStore } from '../../store/dynamodb.ts'
import type { Store } from '../../store/store.ts'
import { ensureCluster } from '../cluster.ts'
import type { Environment, Log } from '../environment.ts'
import { inProcessBells } from '../ports/bells.ts'
import { ec2Query } from '../ports/ec2-query.ts'
import { randomIds } from '../ports/ids.ts'
import { type SqsQueues, sqsQueues } from '../ports/queues-sqs.ts'
import type { SqsCalls } from '../ports/sqs-calls.ts'
import { credentialsOf } from './environment-credentials.ts'
import { lambdaLog } from './log.ts'
import { settingsOf } from './settings.ts'
import { dynamoCalls, type Signing, sqsCalls } from './signed-calls.ts'
import { watched } from './unfinished.ts'

export type Variables = Readonly<Record<string, string | undefined>>

export interface LambdaFunction {
  readonly clock: Clock
  readonly log: Log
  readonly store: Store
  readonly queues: SqsQueues
  readonly sqs: SqsCalls
  readonly prefix: string
  readonly responses: 'stream' | 'buffered'
  /** Waits for what was begun and is waited for by nobody; before each answer. */
  finished(): Promise<void>
  /** With the cluster's identity, which is read at the first call and made at the very first. */
  environment(): Promise<Environment>
}

/** Throws a sentence when a variable is missing or wrong: then the function does not start, and its log says why. */
export function lambdaFunction(variables: Variables = process.env): LambdaFunction {
  const place = placeOf(variables)
  const clock = systemClock
  const log = lambdaLog(clock, (line) => console.log(line))
  const settings = settingsOf(variables.MESETA_SETTINGS, place)
  const prefix = required(variables, 'MESETA_QUEUE_PREFIX', 'the first part of the names of the queues')
  const tableName = required(variables, 'MESETA_TABLE', 'the name of the table')
  const sqs = sqsCalls(signingOf('SQS', variables), clock)
  const sqsEndpoint = endpointOf('SQS', variables)
  const agentRoleArn = variables.MESETA_AGENT_ROLE_ARN || undefined
  const queues = sqsQueues({
    clock,
    region: place.region,
    prefix,
    endpoint: sqsEndpoint,
    agentRoleArn,
    calls: sqs,
  })
  const { store, finished } = watched(
    dynamoStore({
      calls: dynamoCalls(signingOf('DYNAMODB', variables)),
      tableName,
      clock,
      useTransactionTokens: !place.isEmulated,
      log,
    }),
  )
  const ports = {
    store,
    queues,
    clock,
    ids: randomIds,
    settings,
    log,
    bells: inProcessBells(clock),
    ec2: ec2Of(place, variables, clock),
  }
  let made: Promise<Environment> | undefined
  return {
    clock,
    log,
    store,
    queues,
    sqs,
    prefix,
    responses: responsesOf(variables),
    finished: () => finished(clock),
    environment() {
      made ??= ensureCluster(store, randomIds, clock)
        .then((cluster) => ({ ...ports, cluster }))
        .catch((error: unknown) => {
          made = undefined
          throw error
        })
      return made
    },
  }
}

/** How to reach one service, as AWS's SDKs read it from the environment. */
export function signingOf(service: string, variables: Variables): Signing {
  return {
    region: placeOf(variables).region,
    credentials: credentialsOf(variables),
    endpoint: endpointOf(service, variables),
  }
}

/** A plain http address is an emulator's: nobody says who signed there, and nobody pays. */
function placeOf(variables: Variables): { readonly region: string; readonly isEmulated: boolean } {
  const isEmulated = endpointOf('DYNAMODB', variables)?.startsWith('http://') === true
  return { region: required(variables, 'AWS_REGION', 'the region, which Lambda sets'), isEmulated }
}

/** Emulators of the table and the queues alone have no machines to look up. */
function ec2Of(
  { isEmulated }: { readonly isEmulated: boolean },
  variables: Variables,
  clock: Clock,
): Environment['ec2'] {
  const signing = signingOf('EC2', variables)
  return isEmulated && signing.endpoint === undefined ? undefined : ec2Query({ ...signing, clock })
}

function endpointOf(service: string, variables: Variables): string | undefined {
  return variables[`AWS_ENDPOINT_URL_${service}`] || variables.AWS_ENDPOINT_URL || undefined
}

function responsesOf({ MESETA_RESPONSES: value = 'stream' }: Variables): 'stream' | 'buffered' {
  if (value === 'stream' || value === 'buffered') return value
  throw new Error(`MESETA_RESPONSES must be stream or buffered, not ${value}`)
}

/** Throws a sentence that names the variable. */
export function required(variables: Variables, name: string, what: string): string {
  const value = variables[name]
  if (value === undefined || value === '') throw new Error(`the variable ${name} is missing: ${what}`)
  return value
}
