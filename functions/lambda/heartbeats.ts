// Lambda `heartbeats`: batches of the FIFO queue of beats.
import { batchFunction } from './batches.ts'
import { lambdaFunction } from './environment.ts'
import { patientHeartbeats } from './patient-heartbeats.ts'

/** Nothing is parked: a group waits for its first message, and only the table can fail it. */
export const handler = batchFunction(lambdaFunction(), {
  queue: 'heartbeats',
  handle: patientHeartbeats,
  maxReceives: Number.POSITIVE_INFINITY,
})
