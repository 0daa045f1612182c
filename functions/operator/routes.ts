// Where operators find what: the operator API, what Mesos does not have, and the endpoints of old.
import type { Environment } from '../environment.ts'
import type { Route } from '../http/routes.ts'
import type { DeadLetters } from '../ports/dead-letters.ts'
import type { Calling } from './calls.ts'
import { changeFeed } from './feed.ts'
import { files, LOG_PATH } from './files.ts'
import { operatorHandler } from './handler.ts'
import { type Guards, legacyRoutes } from './legacy/routes.ts'
import { mesetaHandler } from './meseta.ts'
import { verbosity } from './verbosity.ts'

export interface OperatorOptions extends Guards {
  readonly deadLetters: DeadLetters
  /** File the log of this control plane is written to, where there is one; readable as `/master/log`. */
  readonly logFile?: string | undefined
}

/** `/api/v1` and `/api/v1/meseta` belong to the realm of those who may change things. */
export function operatorRoutes(env: Environment, options: OperatorOptions): readonly Route[] {
  const { logFile, readwrite } = options
  const calling: Calling = {
    env,
    feed: changeFeed(env),
    files: files(new Map(logFile === undefined ? [] : [[LOG_PATH, logFile]])),
    verbosity: verbosity(),
    bornAt: once(async () => (await env.store.get('cluster', {}))?.createdAt ?? env.clock.now()),
  }
  return [
    { path: '/api/v1', methods: { POST: operatorHandler(calling) }, authenticate: readwrite },
    {
      path: '/api/v1/meseta',
      methods: { POST: mesetaHandler({ env, deadLetters: options.deadLetters }) },
      authenticate: readwrite,
    },
    ...legacyRoutes(calling, options),
  ]
}

/** What never changes is read once; a reading that failed is tried again. */
function once<T>(read: () => Promise<T>): () => Promise<T> {
  let known: Promise<T> | undefined
  return () => {
    known ??= read().catch((error: unknown) => {
      known = undefined
      throw error
    })
    return known
  }
}
