// The calls of DynamoDB that the store makes, whoever carries them: AWS's SDK, or plain JSON to an emulator.
import type {
  BatchGetItemInput,
  BatchGetItemOutput,
  CreateTableInput,
  CreateTableOutput,
  DeleteItemInput,
  DeleteItemOutput,
  DescribeTableInput,
  DescribeTableOutput,
  DescribeTimeToLiveInput,
  DescribeTimeToLiveOutput,
  GetItemInput,
  GetItemOutput,
  PutItemInput,
  PutItemOutput,
  QueryInput,
  QueryOutput,
  TransactWriteItemsInput,
  TransactWriteItemsOutput,
  UpdateTimeToLiveInput,
  UpdateTimeToLiveOutput,
} from '@aws-sdk/client-dynamodb'

export interface Operations {
  readonly GetItem: { readonly input: GetItemInput; readonly output: GetItemOutput }
  readonly BatchGetItem: { readonly input: BatchGetItemInput; readonly output: BatchGetItemOutput }
  readonly Query: { readonly input: QueryInput; readonly output: QueryOutput }
  readonly PutItem: { readonly input: PutItemInput; readonly output: PutItemOutput }
  readonly DeleteItem: { readonly input: DeleteItemInput; readonly output: DeleteItemOutput }
  /** Without a `ClientRequestToken` none is sent. */
  readonly TransactWriteItems: {
    readonly input: TransactWriteItemsInput
    readonly output: TransactWriteItemsOutput
  }
  readonly CreateTable: { readonly input: CreateTableInput; readonly output: CreateTableOutput }
  readonly DescribeTable: { readonly input: DescribeTableInput; readonly output: DescribeTableOutput }
  readonly DescribeTimeToLive: {
    readonly input: DescribeTimeToLiveInput
    readonly output: DescribeTimeToLiveOutput
  }
  readonly UpdateTimeToLive: {
    readonly input: UpdateTimeToLiveInput
    readonly output: UpdateTimeToLiveOutput
  }
}

export interface DynamoCalls {
  /** False for an emulator: nobody pays for what is written there. */
  readonly isBilled: boolean
  /**
   * One try, never repeated by itself: retries are the store's, with evidence. Throws errors whose `name` is
   * DynamoDB's, with `Item` or `CancellationReasons` where DynamoDB gives them.
   */
  call<O extends keyof Operations>(
    operation: O,
    input: Operations[O]['input'],
  ): Promise<Operations[O]['output']>
  /** Ends its connections. */
  close(): void
}

/** True if DynamoDB, or what speaks for it, answered with this error. */
export function isNamed(error: unknown, name: string): error is Error {
  return error instanceof Error && error.name === name
}
