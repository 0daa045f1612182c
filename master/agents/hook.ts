// Auto Scaling's termination hook: it waits until the agent is drained, or until our own deadline, and is then let go.
import type { Context } from '../context.ts'
import { type Decision, nothing } from '../decision.ts'
import type { Ledger, LifecycleHook } from '../model.ts'
import { putLedger } from './puts.ts'

/** Notes a hook that waits for this agent. A repeat keeps the first deadline; a hook of another token takes its place. */
export function awaitHook(
  ledger: Ledger | undefined,
  hook: Omit<LifecycleHook, 'until'>,
  { now, settings }: Pick<Context, 'now' | 'settings'>,
): Decision<boolean> {
  if (ledger === undefined) return nothing(false)
  if (ledger.lifecycle?.token === hook.token) return nothing(true)
  const lifecycle: LifecycleHook = { ...hook, until: now + settings.notices.hookMs }
  return { changes: [putLedger({ ...ledger, lifecycle })], tell: [], answer: true }
}

/**
 * True when nothing is waited for any more: drained, gone, or out of time. An agent that is merely unreachable may
 * return within it and end its tasks as they ask.
 */
export function isHookOver({ life, drain, lifecycle }: Ledger, now: number): boolean {
  if (lifecycle === undefined) return false
  if (life === 'gone' || life === 'removed' || lifecycle.until <= now) return true
  return drain?.state === 'DRAINED'
}

/** Forgets a hook that was let go, provided that it is still the one. */
export function forgetHook(ledger: Ledger | undefined, token: string): Decision<boolean> {
  if (ledger?.lifecycle?.token !== token) return nothing(false)
  const { lifecycle: _, ...rest } = ledger
  return { changes: [putLedger(rest)], tell: [], answer: true }
}
