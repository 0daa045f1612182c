// How the table is called: plainly where it is an emulator, with the machine's AWS credentials where it is not.
import type { DynamoCalls } from '../store/dynamodb-calls.ts'
import { plainCalls } from '../store/plain-calls.ts'

/** Plain http is an emulator, which reads no signature. The SDK is loaded only when it is needed. */
export async function tableCalls(endpoint: string): Promise<DynamoCalls> {
  if (endpoint.startsWith('http://')) return plainCalls({ endpoint })
  const { dynamoClient, sdkCalls } = await import('../store/dynamodb-client.ts')
  return sdkCalls(dynamoClient({ endpoint }))
}
