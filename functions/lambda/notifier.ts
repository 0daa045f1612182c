// Lambda `notifier`: batches of nudges to tell frameworks that read no stream.
import { notify } from '../notifier/handler.ts'
import { batchFunction } from './batches.ts'
import { lambdaFunction } from './environment.ts'

export const handler = batchFunction(lambdaFunction(), { queue: 'notify', handle: notify })
