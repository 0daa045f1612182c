// Notes that a session's client is alive: after a later call the words said before may leave the mailbox (R3).
import type { SchedulerCall } from '../../protocol/messages.ts'
import { clusterTime } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'

/** A framework that calls a thousand times a second is noted this often by each process. */
const NOTED_EACH_MS = 10_000
/** Sessions remembered per process. */
const MAX_REMEMBERED = 10_000

const notedBy = new WeakMap<Environment['store'], Map<string, number>>()

/**
 * Notes an admitted call, at most once in ten seconds per process and session; not waited for, and if it fails,
 * the next one does it.
 * @param epoch of the session the call was admitted to
 */
export function noteCall(env: Environment, call: SchedulerCall, epoch: number): void {
  const frameworkId = call.framework_id?.value
  if (frameworkId === undefined) return
  const noted = notedBy.get(env.store) ?? new Map<string, number>()
  notedBy.set(env.store, noted)
  const now = env.clock.now()
  const session = `${frameworkId}/${epoch}`
  const age = now - (noted.get(session) ?? Number.NEGATIVE_INFINITY)
  if (age >= 0 && age < NOTED_EACH_MS) return
  // Taken out and put back, so that the oldest is the first to go.
  noted.delete(session)
  noted.set(session, now)
  const [oldest] = noted.keys()
  if (noted.size > MAX_REMEMBERED && oldest !== undefined) noted.delete(oldest)
  write(env, frameworkId, epoch).catch((error: unknown) => {
    noted.delete(session)
    env.log.info('call not noted', { frameworkId, error: String(error) })
  })
}

async function write(env: Environment, frameworkId: string, epoch: number): Promise<void> {
  const item = { version: 0, frameworkId, epoch, at: await clusterTime(env) }
  await env.store.commit([{ do: 'put', kind: 'called', item, when: { name: 'anything' } }], env.ids.uuid())
}
