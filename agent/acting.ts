// Does what was decided, in the order that must hold: decide, write down, then act.
//
// Inputs are decided as they come. What they decided is gathered until the process has taken in everything that
// was waiting, then written in one batch and acted on: so many short tasks cost one write to the disk together.
import { randomBytes, randomUUID } from 'node:crypto'
import type { Clock } from '../protocol/clock.ts'
import type { AgentInfo } from '../protocol/messages.ts'
import { decide } from './agent.ts'
import type { AgentState } from './state.ts'
import type { Action, Input, Save, Turn } from './turn.ts'

export interface ActingOptions {
  readonly clock: Clock
  readonly state: AgentState
  readonly ip: string
  readonly agentInfo: () => AgentInfo
  /** Throws when the disk refuses: nothing was done then, and the process must end. */
  readonly write: (saves: readonly Save[], state: AgentState) => void
  readonly act: (action: Exclude<Action, { action: 'timer' | 'cancel' }>) => void
  /** The disk refused, or a decision has a bug. */
  readonly onFailure: (error: unknown) => void
  /** Runs an action when all that waits has been taken in; `setImmediate` when absent. */
  readonly soon?: ((action: () => void) => void) | undefined
  /** Where ids come from; random ones when absent. */
  readonly ids?: Pick<Turn, 'newUuid' | 'newContainerId'> | undefined
}

const RANDOM_IDS: Pick<Turn, 'newUuid' | 'newContainerId'> = {
  newUuid: () => randomBytes(16).toString('base64'),
  newContainerId: () => randomUUID(),
}

export interface Acting {
  readonly state: AgentState
  /** Decides at once; resolves when it is on disk and its actions are under way. */
  submit(input: Input): Promise<void>
  /** Cancels all timers and takes no more inputs. */
  stop(): void
}

export function startActing(options: ActingOptions): Acting {
  const { clock, state, soon = setImmediate, ids = RANDOM_IDS } = options
  const timers = new Map<string, () => void>()
  let saves: Save[] = []
  let actions: Action[] = []
  let waiting: (() => void)[] = []
  let scheduled = false
  let stopped = false

  return { state, submit, stop }

  function submit(input: Input): Promise<void> {
    if (stopped) return Promise.resolve()
    try {
      decide(turnNow(), input)
    } catch (error) {
      options.onFailure(error)
      return Promise.resolve()
    }
    return new Promise((resolve) => {
      waiting.push(resolve)
      if (scheduled) return
      scheduled = true
      soon(flush)
    })
  }

  function flush(): void {
    scheduled = false
    if (stopped) return
    const batch = { saves, actions, waiting }
    saves = []
    actions = []
    waiting = []
    try {
      if (batch.saves.length > 0) options.write(batch.saves, state)
      for (const action of batch.actions) perform(action)
    } catch (error) {
      options.onFailure(error)
      return
    }
    for (const resolve of batch.waiting) resolve()
  }

  function perform(action: Action): void {
    if (action.action === 'timer') setTimer(action.timer, action.ms)
    else if (action.action === 'cancel') cancelTimer(action.timer)
    else options.act(action)
  }

  function setTimer(name: string, ms: number): void {
    cancelTimer(name)
    timers.set(
      name,
      clock.after(ms, () => {
        timers.delete(name)
        void submit({ input: 'timer', timer: name })
      }),
    )
  }

  function cancelTimer(name: string): void {
    timers.get(name)?.()
    timers.delete(name)
  }

  function stop(): void {
    if (saves.length > 0) flush()
    stopped = true
    for (const cancel of timers.values()) cancel()
    timers.clear()
  }

  function turnNow(): Turn {
    return {
      state,
      now: clock.now(),
      ...ids,
      ip: options.ip,
      agentInfo: options.agentInfo,
      save: (save) => saves.push(save),
      act: (action) => actions.push(action),
    }
  }
}
