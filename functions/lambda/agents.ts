// Lambda `agents`: POST /api/v1/agent of a REST API, signed by the agents' instances; always a whole answer.
import { agentRoutes } from '../agents/handler.ts'
import { lambdaFunction } from './environment.ts'
import { restFunction } from './rest.ts'

export const handler = restFunction(lambdaFunction(), { routes: agentRoutes, streams: false })
