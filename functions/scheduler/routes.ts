// Where the scheduler API is: one path, every method but POST refused.
import type { Environment } from '../environment.ts'
import type { Authenticate } from '../http/authentication.ts'
import type { Route } from '../http/routes.ts'
import { schedulerHandler } from './handler.ts'

/** `authenticate` comes before everything else, also before the method; absent: everybody may call. */
export function schedulerRoutes(
  env: Environment,
  options: { readonly authenticate?: Authenticate | undefined } = {},
): readonly Route[] {
  const { authenticate } = options
  return [{ path: '/api/v1/scheduler', methods: { POST: schedulerHandler(env) }, authenticate }]
}
