// From a path to what answers it; every path with and without `/slave(1)`, with and without a slash at its end.
import { executorApi } from '../executor/calls.ts'
import type { ApiContext } from './context.ts'
import { fileRoutes } from './file-routes.ts'
import { type Handler, text } from './http.ts'
import { legacyRoutes } from './legacy.ts'
import { operatorApi } from './operator.ts'

export function agentApi(context: ApiContext): Handler {
  const routes = new Map<string, Handler>(
    Object.entries({
      '/api/v1/executor': executorApi(context.acting, context.streams),
      '/api/v1': operatorApi(context),
      ...legacyRoutes(context),
      ...fileRoutes(context.files),
    }),
  )
  return async (request) => {
    const handler = routes.get(request.path)
    if (handler === undefined) return text(404, `There is nothing at ${request.path} on this agent`)
    return await handler(request)
  }
}
