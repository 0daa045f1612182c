// Lambda `instance-events`: what EventBridge put into the queue of instance events.
import { instanceEvents } from '../instance-events/handler.ts'
import { OUTAGE_MS } from '../ports/consume.ts'
import { batchFunction } from './batches.ts'
import { lambdaFunction } from './environment.ts'

export const handler = batchFunction(lambdaFunction(), {
  queue: 'instance-events',
  handle: instanceEvents,
  patienceMs: OUTAGE_MS,
})
