// The DynamoDB emulator for tests: one process per call, in memory, gone with the test run.
import { startDynamoEmulator } from '../../local/emulators/dynamodb.ts'
import { type DynamoStoreOptions, dynamoStore } from '../../store/dynamodb.ts'
import { plainCalls } from '../../store/plain-calls.ts'
import type { Store } from '../../store/store.ts'
import { createTable } from '../../store/table.ts'

/** Throws a sentence when it is not installed or does not answer in time. */
export async function startDynamo(): Promise<{ readonly endpoint: string; stop(): Promise<void> }> {
  const { endpoint, stop } = await startDynamoEmulator({})
  return { endpoint, stop }
}

let tables = 0

/** A store on a new table of its own. */
export async function freshStore(
  endpoint: string,
  options: Partial<DynamoStoreOptions> = {},
): Promise<{ readonly store: Store; readonly tableName: string; stop(): void }> {
  const calls = options.calls ?? plainCalls({ endpoint })
  const tableName = `meseta-${process.pid}-${++tables}`
  await createTable(calls, tableName)
  const store = dynamoStore({ useTransactionTokens: false, ...options, calls, tableName })
  return { store, tableName, stop: () => calls.close() }
}
