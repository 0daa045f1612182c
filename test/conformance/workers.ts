// More workers for a cluster: each answers the scheduler API over the same table, with its own port, bells and fate.
import type { Environment } from '../../functions/environment.ts'
import { listen } from '../../functions/http/local-server.ts'
import { routed } from '../../functions/http/routes.ts'
import { inProcessBells } from '../../functions/ports/bells.ts'
import { randomIds } from '../../functions/ports/ids.ts'
import { schedulerRoutes } from '../../functions/scheduler/routes.ts'
import type { Change } from '../../master/decision.ts'
import { type Store, StoreUnavailable } from '../../store/store.ts'
import type { TestCluster } from '../cluster.ts'

export interface Worker {
  readonly url: string
  /** Its time is over: streams end, what is under way is answered. */
  stop(): Promise<void>
  /** It dies: from now on nothing of it reaches the table or anybody, and its connections break. */
  crash(): Promise<void>
  /** The next commit of a call waits, as in a worker that is paused before it, until it is released. */
  pauseCommit(): { readonly reached: Promise<void>; release(): void }
}

/** Starts one; nudges of a `mute` one reach nobody, as if it died between its commit and them. */
export async function startWorker(
  cluster: TestCluster,
  { isMute = false }: { readonly isMute?: boolean } = {},
): Promise<Worker> {
  const fate: Fate = { isDead: false, paused: undefined }
  const { env: front } = cluster.controlPlane
  const env: Environment = {
    ...front,
    store: fated(cluster.store, fate),
    queues: {
      ...cluster.queues,
      async send() {},
      async sendToAgent(agentId, body) {
        if (!isMute && !fate.isDead) await cluster.queues.sendToAgent(agentId, body)
      },
    },
    ids: randomIds,
    // Bells do not ring from one worker to another.
    bells: inProcessBells(cluster.clock),
  }
  const server = await listen({
    handler: routed(env, schedulerRoutes(env)),
    host: '127.0.0.1',
    port: 0,
    env,
  })
  let closing: Promise<void> | undefined
  const stop = () => {
    closing ??= server.close()
    return closing
  }
  return {
    url: `http://127.0.0.1:${server.port}`,
    stop,
    crash() {
      fate.isDead = true
      return stop()
    },
    pauseCommit() {
      const reached = Promise.withResolvers<void>()
      const released = Promise.withResolvers<void>()
      fate.paused = { reached: reached.resolve, released: released.promise }
      return { reached: reached.promise, release: released.resolve }
    },
  }
}

interface Fate {
  isDead: boolean
  paused: { reached(): void; readonly released: Promise<void> } | undefined
}

function fated(store: Store, fate: Fate): Store {
  const dead = () => Promise.reject(new StoreUnavailable('this worker is dead'))
  const commit: Store['commit'] = async (changes, token) => {
    const { paused } = fate
    if (paused !== undefined && isOfCall(changes)) {
      fate.paused = undefined
      paused.reached()
      await paused.released
    }
    return fate.isDead ? await dead() : await store.commit(changes, token)
  }
  return new Proxy(store, {
    get(target, name, receiver) {
      if (fate.isDead) return dead
      return name === 'commit' ? commit : Reflect.get(target, name, receiver)
    },
  })
}

/** Leases that are renewed, notes that a call came, and mail that was said are the worker's own. */
function isOfCall(changes: readonly Change[]): boolean {
  return changes.some((change) => change.do === 'put' && change.kind !== 'lease' && change.kind !== 'called')
}
