// Decides what a kill does to the kills before it: the grace counts from the first and may only get shorter.

/** A container that is being killed. Milliseconds since 1970. */
export interface KillState {
  readonly since: number
  /** When SIGKILL follows; never later than it was. */
  readonly deadline: number
}

export interface KillDecision {
  readonly state: KillState
  /**
   * `terminate`: SIGTERM now, SIGKILL at the deadline; `shorten`: SIGKILL at the new, earlier deadline;
   * `nothing`: as before; `destroy`: SIGKILL now.
   */
  readonly action: 'terminate' | 'shorten' | 'nothing' | 'destroy'
}

/** `before` is undefined for the first kill. A grace of 0 or less, or none that is a number, means now. */
export function decideKill(
  before: KillState | undefined,
  { now, graceMs }: { readonly now: number; readonly graceMs: number },
): KillDecision {
  const since = before?.since ?? now
  const wished = since + (graceMs > 0 ? graceMs : 0)
  const deadline = before === undefined ? wished : Math.min(before.deadline, wished)
  const state = { since, deadline }
  if (deadline <= now) return { state, action: 'destroy' }
  if (before === undefined) return { state, action: 'terminate' }
  return { state, action: deadline < before.deadline ? 'shorten' : 'nothing' }
}
