// Lambda `operator`: the operator API, what Mesos does not have, and the endpoints of old; its event stream streams.
import { sharedBuckets } from '../http/buckets.ts'
import { limited } from '../http/rate-limits.ts'
import { operatorRoutes } from '../operator/routes.ts'
import { deadLettersOf } from '../ports/dead-letters.ts'
import { lambdaFunction } from './environment.ts'
import { restFunction } from './rest.ts'

const fn = lambdaFunction()

export const handler = restFunction(fn, {
  routes: (env) =>
    limited(env, operatorRoutes(env, { deadLetters: deadLettersOf(fn.queues) }), sharedBuckets(env)),
  streams: true,
})
