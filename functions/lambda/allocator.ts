// Lambda `allocator`: batches of the queue of nudges; a batch is one turn, whatever its messages say.
import { allocateBatch } from '../allocator/handler.ts'
import { batchFunction } from './batches.ts'
import { lambdaFunction } from './environment.ts'

export const handler = batchFunction(lambdaFunction(), { queue: 'allocate', handle: allocateBatch })
