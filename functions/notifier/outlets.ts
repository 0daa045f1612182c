// The outlets of an environment: those it was given, else the standard ones, made once per process.
import type { Environment } from '../environment.ts'
import type { Outlets } from '../ports/outlets.ts'
import { ownQueue } from './own-queue.ts'
import { webhook } from './webhook.ts'

const made = new WeakMap<Environment['queues'], Outlets>()

export function outletsOf(env: Environment): Outlets {
  const known = env.outlets ?? made.get(env.queues)
  if (known !== undefined) return known
  const outlets = standardOutlets(env)
  made.set(env.queues, outlets)
  return outlets
}

/** @param resolve every address of a name; the system's resolver when absent */
export function standardOutlets(
  env: Pick<Environment, 'clock' | 'queues' | 'settings'>,
  resolve?: (hostname: string) => Promise<readonly string[]>,
): Outlets {
  const web = webhook({
    clock: env.clock,
    allowsLoopback: env.settings.deliverToLoopback ?? false,
    resolve,
  })
  const queue = ownQueue(env.queues, env.clock)
  return {
    refusal: async ({ kind, url }) => (kind === 'webhook' ? await web.refusal(url) : queue.refusal(url)),
    send: (parcel) => (parcel.to.kind === 'webhook' ? web.send(parcel) : queue.send(parcel)),
  }
}
