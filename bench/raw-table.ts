// What the table's emulator can do by itself in this very run: the limit our own figures are set against.
import { randomUUID } from 'node:crypto'
import { startDynamoEmulator } from '../local/emulators/dynamodb.ts'
import type { Change } from '../master/decision.ts'
import { dynamoStore } from '../store/dynamodb.ts'
import { plainCalls } from '../store/plain-calls.ts'
import type { Store } from '../store/store.ts'
import { createTable } from '../store/table.ts'

export interface RawRates {
  /** Four-item transactions a second, one after the other. */
  readonly sequential: number
  /** The same with sixteen in flight. */
  readonly sixteen: number
}

const WARM_UP = 500
const COUNT = 800

/** Four items of about 200 bytes in one transaction, through our own store. */
export async function measureRawTable(): Promise<RawRates> {
  const emulator = await startDynamoEmulator({})
  const calls = plainCalls({ endpoint: emulator.endpoint })
  try {
    await createTable(calls, 'raw')
    const store = dynamoStore({ calls, tableName: 'raw', useTransactionTokens: false })
    await inFlight(store, 16, WARM_UP)
    return { sequential: await inFlight(store, 1, COUNT / 2), sixteen: await inFlight(store, 16, COUNT) }
  } finally {
    calls.close()
    await emulator.stop()
  }
}

async function inFlight(store: Store, width: number, count: number): Promise<number> {
  let left = count
  const started = performance.now()
  await Promise.all(
    Array.from({ length: width }, async () => {
      while (left-- > 0) await store.commit(fourChanges(), randomUUID())
    }),
  )
  return (count / (performance.now() - started)) * 1_000
}

function fourChanges(): Change[] {
  const frameworkId = randomUUID()
  return Array.from({ length: 4 }, (_, index) => ({
    do: 'put' as const,
    kind: 'mail' as const,
    item: {
      version: 0,
      frameworkId,
      shard: 0,
      key: `NOTICE#${index}`,
      tag: randomUUID(),
      at: 0,
      body: {
        kind: 'notice' as const,
        event: {
          type: 'MESSAGE' as const,
          message: {
            agent_id: { value: 'a'.repeat(40) },
            executor_id: { value: 'e'.repeat(40) },
            data: 'AAAA',
          },
        },
      },
    },
    when: { name: 'anything' as const },
  }))
}
