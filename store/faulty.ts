// Faults of DynamoDB on demand, below the store: the SDK's client fails as AWS's would, so that real retries run.
//
// Emulators show no throttling, no transaction conflict and no lost answer. Tests and simulations put them here.
import {
  type CancellationReason,
  type DynamoDBClient,
  InternalServerError,
  ProvisionedThroughputExceededException,
  TransactionCanceledException,
  TransactionConflictException,
  TransactionInProgressException,
} from '@aws-sdk/client-dynamodb'

export type Fault =
  /** Nothing arrives: a connection refused or broken before. */
  | { readonly fault: 'request-lost' }
  /** It is applied, the answer never comes (H1). */
  | { readonly fault: 'answer-lost' }
  /** As `answer-lost`, but it is applied only when `until` resolves: a paused writer that commits late. */
  | { readonly fault: 'late'; readonly until: Promise<unknown> }
  /** Another transaction is at the same item: at these steps of a transaction, or at a plain write (H4). */
  | { readonly fault: 'conflict'; readonly at?: readonly number[] | undefined }
  | { readonly fault: 'throttled'; readonly at?: readonly number[] | undefined }
  /** A transaction is cancelled with these codes, one per step, `None` where a step is not to blame (H3). */
  | { readonly fault: 'cancelled'; readonly codes: readonly string[] }
  /** An earlier try with the same token is still at work. */
  | { readonly fault: 'in-progress' }
  | { readonly fault: 'internal' }
  /** Only the first `processed` keys of a batch are answered, the others come back unprocessed (H5). */
  | { readonly fault: 'unprocessed'; readonly processed: number }

export interface Call {
  /** As the API names it: `TransactWriteItems`. */
  readonly operation: string
  /** Of this client, from 1. */
  readonly number: number
  /** The SDK's input of the command. */
  readonly input: Readonly<Record<string, unknown>>
}

/** Lets calls of this client fail as `plan` says, undefined: as they will. The returned function ends it. */
export function faulty(client: DynamoDBClient, plan: (call: Call) => Fault | undefined): () => void {
  let number = 0
  const name = 'faults'
  // What is added from now on shall be met by commands that were sent before.
  client.config.cacheMiddleware = false
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const operation = String(context.commandName ?? '').replace(/Command$/, '')
      // The SDK's inputs are plain objects.
      const input = args.input as Call['input']
      const fault = plan({ operation, number: ++number, input })
      if (fault === undefined) return next(args)
      if (fault.fault === 'answer-lost') {
        await next(args)
        throw timedOut()
      }
      if (fault.fault === 'late') {
        fault.until.then(() => next(args)).catch(() => {})
        throw timedOut()
      }
      if (fault.fault === 'unprocessed') return unprocessed(next, args, fault.processed)
      throw errorOf(fault, operation, stepsOf(input))
    },
    { step: 'initialize', priority: 'low', name, override: true },
  )
  return () => {
    client.middlewareStack.remove(name)
  }
}

/** The first calls of an operation meet these faults in order, later ones none. */
export function firstly(
  operation: string,
  ...faults: readonly (Fault | undefined)[]
): (call: Call) => Fault | undefined {
  let met = 0
  return (call) => (call.operation === operation ? faults[met++] : undefined)
}

type Failing = Exclude<Fault, { fault: 'answer-lost' | 'late' | 'unprocessed' }>

function errorOf(fault: Failing, operation: string, steps: number): Error {
  const transaction = operation === 'TransactWriteItems'
  switch (fault.fault) {
    case 'request-lost':
      return Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:443'), { code: 'ECONNREFUSED' })
    case 'in-progress':
      return new TransactionInProgressException({
        message: 'The transaction with the given request token is already in progress.',
        $metadata: { httpStatusCode: 400 },
      })
    case 'internal':
      return new InternalServerError({ message: 'Internal server error', $metadata: { httpStatusCode: 500 } })
    case 'cancelled':
      return cancelled(fault.codes)
    case 'conflict':
      if (transaction) return cancelled(codesAt(steps, fault.at, 'TransactionConflict'))
      return new TransactionConflictException({
        message: 'Transaction is ongoing for the item',
        $metadata: { httpStatusCode: 400 },
      })
    case 'throttled':
      if (transaction) return cancelled(codesAt(steps, fault.at, 'ThrottlingError'))
      return new ProvisionedThroughputExceededException({
        message: 'The level of configured provisioned throughput for the table was exceeded.',
        $metadata: { httpStatusCode: 400 },
      })
  }
}

const MESSAGES: Readonly<Record<string, string>> = {
  ConditionalCheckFailed: 'The conditional request failed',
  TransactionConflict: 'Transaction is ongoing for the item',
  ThrottlingError: 'Throughput exceeds the current capacity of your table or index.',
  ProvisionedThroughputExceeded: 'The level of configured provisioned throughput for the table was exceeded.',
  ValidationError: 'Item size has exceeded the maximum allowed size',
}

function cancelled(codes: readonly string[]): TransactionCanceledException {
  const reasons: CancellationReason[] = codes.map((code) => ({
    Code: code,
    ...(MESSAGES[code] === undefined ? {} : { Message: MESSAGES[code] }),
  }))
  return new TransactionCanceledException({
    message: `Transaction cancelled, please refer cancellation reasons for specific reasons [${codes.join(', ')}]`,
    CancellationReasons: reasons,
    $metadata: { httpStatusCode: 400 },
  })
}

function codesAt(steps: number, at: readonly number[] = [0], code: string): string[] {
  return Array.from({ length: steps }, (_, index) => (at.includes(index) ? code : 'None'))
}

function stepsOf(input: Call['input']): number {
  return Array.isArray(input.TransactItems) ? input.TransactItems.length : 1
}

/** As the SDK's handler says it. */
function timedOut(): Error {
  return Object.assign(new Error('a request has exceeded the configured requestTimeout'), {
    name: 'TimeoutError',
    code: 'ETIMEDOUT',
  })
}

interface Batch {
  readonly RequestItems: Readonly<Record<string, { readonly Keys: readonly unknown[] }>>
}

async function unprocessed<Args extends { input: object }, Output extends { output: object }>(
  next: (args: Args) => Promise<Output>,
  args: Args,
  processed: number,
): Promise<Output> {
  // Planned for BatchGetItem of one table only.
  const [table, asked] = Object.entries((args.input as Batch).RequestItems)[0] ?? ['', { Keys: [] }]
  const left = { [table]: { ...asked, Keys: asked.Keys.slice(processed) } }
  const some = {
    ...args.input,
    RequestItems: { [table]: { ...asked, Keys: asked.Keys.slice(0, processed) } },
  }
  // With nothing to process the service is not asked: it refuses an empty list.
  const answer: Output =
    processed === 0
      ? await next(args).then((all) => ({ ...all, output: { ...all.output, Responses: { [table]: [] } } }))
      : await next({ ...args, input: some })
  return { ...answer, output: { ...answer.output, UnprocessedKeys: left } }
}
