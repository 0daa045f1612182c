// Lambda `detector`: the queue of ticks, which the planner fills each minute.
import { batchFunction } from './batches.ts'
import { lambdaFunction } from './environment.ts'
import { detectTicks } from './ticks.ts'

export const handler = batchFunction(lambdaFunction(), { queue: 'ticks', handle: detectTicks })
