// Lambda `scheduler`: POST /api/v1/scheduler of a REST API; SUBSCRIBE streams.
import { sharedBuckets } from '../http/buckets.ts'
import { limited } from '../http/rate-limits.ts'
import { schedulerRoutes } from '../scheduler/routes.ts'
import { lambdaFunction } from './environment.ts'
import { restFunction } from './rest.ts'

/** Who asks, the authorizer has found out. */
export const handler = restFunction(lambdaFunction(), {
  routes: (env) => limited(env, schedulerRoutes(env), sharedBuckets(env)),
  streams: true,
})
