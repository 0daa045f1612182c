// Notes that a session's client is alive: after a later call the words said before may leave the mailbox (R3).
import type { SchedulerCall } from '../../protocol/messages.ts'
import { clusterTime } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'

/** A framework that calls a thousand times a second is noted this often by each process. */
const NOTED_EACH_MS = 10_000
/** Frameworks remembered per process. */
const MAX_REMEMBERED = 10_000

const notedBy = new WeakMap<Environment['store'], Map<string, number>>()

/**
 * Notes an admitted call, at most once in ten seconds per process and framework; not waited for, and if it fails,
 * the next one does it.
 */
export function noteCall(env: Environment, call: SchedulerCall): void {
  const frameworkId = call.framework_id?.value
  if (frameworkId === undefined) return
  const noted = notedBy.get(env.store) ?? new Map<string, number>()
  notedBy.set(env.store, noted)
  const now = env.clock.now()
  const age = now - (noted.get(frameworkId) ?? Number.NEGATIVE_INFINITY)
  if (age >= 0 && age < NOTED_EACH_MS) return
  // Taken out and put back, so that the oldest is the first to go.
  noted.delete(frameworkId)
  noted.set(frameworkId, now)
  const [oldest] = noted.keys()
  if (noted.size > MAX_REMEMBERED && oldest !== undefined) noted.delete(oldest)
  write(env, frameworkId).catch((error: unknown) => {
    noted.delete(frameworkId)
    env.log.info('call not noted', { frameworkId, error: String(error) })
  })
}

async function write(env: Environment, frameworkId: string): Promise<void> {
  const [framework, at] = await Promise.all([env.store.get('framework', { frameworkId }), clusterTime(env)])
  if (framework === undefined) return
  const item = { version: 0, frameworkId, epoch: framework.epoch, at }
  await env.store.commit([{ do: 'put', kind: 'called', item, when: { name: 'anything' } }], env.ids.uuid())
}
