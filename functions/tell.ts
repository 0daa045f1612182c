// Telling is a nudge: whoever misses it finds the truth on its next look, so a failure here is logged and forgotten.
//
// Walk: before it functions/transact.ts, after it agent/control-plane.ts and functions/scheduler/reader.ts.
import type { Change, Tell } from '../master/decision.ts'
import { nudgeAfter } from './allocator/scope.ts'
import type { Environment } from './environment.ts'
import { exactJson } from './exact-json.ts'

/** The bell a framework's reader waits at. */
export function frameworkBell(frameworkId: string): string {
  return `framework/${frameworkId}`
}

/** The bell operator event streams wait at: something changed. */
export const CHANGE_BELL = 'change'

/**
 * Nudges everybody concerned; several nudges of one kind to one receiver become one. Never throws.
 * @param changes just committed: mail for frameworks without a stream is delivered by the notifier, and the allocator
 * looks at the agents they are about
 */
export async function tell(
  env: Environment,
  tells: readonly Tell[],
  changes: readonly Change[] = [],
): Promise<void> {
  const delivered = new Set(changes.map(deliveredTo).filter((frameworkId) => frameworkId !== undefined))
  if (tells.length === 0 && delivered.size === 0) return
  const frameworks = new Set<string>()
  const sends: Promise<void>[] = []
  let allocate = false
  for (const one of tells) {
    if (one.tell === 'framework') frameworks.add(one.frameworkId)
    else if (one.tell === 'allocator') allocate = true
    else sends.push(env.queues.sendToAgent(one.agentId, exactJson(one.nudge)))
  }
  for (const frameworkId of frameworks) env.bells.ring(frameworkBell(frameworkId))
  env.bells.ring(CHANGE_BELL)
  if (allocate) sends.push(env.queues.send('allocate', nudgeAfter(changes)))
  for (const frameworkId of delivered) sends.push(nudgeNotifier(env, frameworkId))
  for (const sent of await Promise.allSettled(sends)) {
    if (sent.status === 'rejected') env.log.warn('nudge lost', { error: String(sent.reason) })
  }
}

/** Asks the notifier to look into the mailbox of a framework that reads no stream. */
export async function nudgeNotifier(
  env: Pick<Environment, 'queues'>,
  frameworkId: string,
  options?: { readonly delaySeconds: number },
): Promise<void> {
  await env.queues.send('notify', JSON.stringify({ frameworkId }), options)
}

function deliveredTo(change: Change): string | undefined {
  const isMail = change.kind === 'mail' && change.do === 'put'
  return isMail && change.item.isDelivered === true ? change.item.frameworkId : undefined
}
