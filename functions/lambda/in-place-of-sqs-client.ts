// In bundles of functions, in place of `ports/sqs-client.ts`: the same calls, signed plainly, without the SDK's client.
import { systemClock } from '../../protocol/clock.ts'
import type { sdkCalls as replaced } from '../ports/sqs-client.ts'
import { credentialsOf } from './environment-credentials.ts'
import { sqsCalls } from './signed-calls.ts'

/** For queues that are not the cluster's own, in any region: those of frameworks. */
export const sdkCalls: typeof replaced = ({ region, endpoint }) =>
  sqsCalls({ region, endpoint, credentials: credentialsOf(process.env) }, systemClock)
