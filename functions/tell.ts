// Telling is a nudge: whoever misses it finds the truth on its next look, so a failure here is logged and forgotten.
//
// Walk: before it functions/transact.ts, after it agent/control-plane.ts and functions/scheduler/reader.ts.
import type { Tell } from '../master/decision.ts'
import type { Environment } from './environment.ts'
import { exactJson } from './exact-json.ts'

/** The bell a framework's reader waits at. */
export function frameworkBell(frameworkId: string): string {
  return `framework/${frameworkId}`
}

/** The bell operator event streams wait at: something changed. */
export const CHANGE_BELL = 'change'

/** Nudges everybody concerned; several nudges of one kind to one receiver become one. Never throws. */
export async function tell(env: Environment, tells: readonly Tell[]): Promise<void> {
  if (tells.length === 0) return
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
  if (allocate) sends.push(env.queues.send('allocate', '{}'))
  for (const sent of await Promise.allSettled(sends)) {
    if (sent.status === 'rejected') env.log.warn('nudge lost', { error: String(sent.reason) })
  }
}
