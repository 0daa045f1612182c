// Registered: which incarnation this process has, and from which generation on it acts.
import { timelineOf } from '../../protocol/numbering.ts'
import type { Input, Turn } from '../turn.ts'
import { forgetIfOver } from './updates.ts'

/**
 * What a registration does not report is dropped for good. So nothing that was said before its answer may start
 * afterwards: a list or a launch that is late would run what frameworks were told is gone (S7).
 */
export function onRegistering({ state }: Turn): void {
  if (state.phase === 'running') state.phase = 'registering'
}

/**
 * The same boot's registration again changes nothing, so a lost answer changes nothing. A new incarnation begins
 * at generation 0: nothing was started under it, and the list fetched next says what is wanted.
 */
export function onRegistered(turn: Turn, { answer }: Extract<Input, { input: 'registered' }>): void {
  const { state } = turn
  if (state.agentId !== undefined && state.agentId !== answer.agentId) {
    const why = `The control plane took this agent, ${state.agentId}, for ${answer.agentId}; use another --work-dir`
    turn.act({ action: 'end-process', why })
    return
  }
  state.agentId = answer.agentId
  if (answer.incarnation < state.incarnation) {
    turn.act({ action: 'log', level: 'warn', text: 'an older incarnation was offered and is refused' })
    turn.act({ action: 'register' })
    return
  }
  if (answer.incarnation > state.incarnation) {
    const before = state.incarnation
    state.incarnation = answer.incarnation
    state.applied = 0
    state.early.clear()
    if (before !== 0 && timelineOf(before) < timelineOf(answer.incarnation)) {
      // The table was restored: it may not know all our tasks, so they are told in full.
      state.restored = true
      turn.act({ action: 'register' })
    }
  } else state.restored = false
  turn.save({ save: 'position' })
  if (state.phase === 'registering') state.phase = 'running'
  // Launches of older incarnations are behind us now.
  for (const task of [...state.tasks.values()]) forgetIfOver(turn, task)
  turn.act({ action: 'sync' })
  turn.act({ action: 'report' })
}
