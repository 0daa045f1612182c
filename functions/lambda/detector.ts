// Lambda `detector`: the queue of ticks, which the planner fills each minute.
import { batchFunction } from './batches.ts'
import { lambdaFunction } from './environment.ts'
import { logGauges } from './gauges.ts'
import { detectTicks } from './ticks.ts'

const fn = lambdaFunction()

export const handler = batchFunction(fn, {
  queue: 'ticks',
  handle: (env, batch) => detectTicks(env, batch, (seen) => logGauges(env, fn.prefix, seen)),
})
