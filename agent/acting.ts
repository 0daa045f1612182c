// Does what was decided, in the order that must hold: decide, write down, then act.
//
// Inputs are decided as they come. What they decided is gathered until the process has taken in everything that
// was waiting, then written in one batch and acted on: so many short tasks cost one write to the disk together.
//
// A disk that is full stops nothing that runs: inputs are decided on, but until it takes what they decided nothing
// of it is done and nobody is told. Then all of it is, in order.
import { randomBytes, randomUUID } from 'node:crypto'
import type { Clock } from '../protocol/clock.ts'
import type { AgentInfo } from '../protocol/messages.ts'
import { decide } from './agent.ts'
import { DiskRefused } from './disk.ts'
import type { AgentState } from './state.ts'
import type { Action, Input, Save, Turn } from './turn.ts'

/** How often a full disk is tried again. */
const REFUSED_MS = 1_000

export interface ActingOptions {
  readonly clock: Clock
  readonly state: AgentState
  readonly ip: string
  readonly agentInfo: () => AgentInfo
  /**
   * Throws `DiskRefused` when the disk takes no more for now; the batch is kept there and written first the next
   * time. Whatever else it throws ends the process: nothing was done then.
   */
  readonly write: (saves: readonly Save[], state: AgentState) => void
  /** The disk refuses, with a sentence, or takes writes again. */
  readonly onDisk?: ((said: { readonly refuses: string } | 'takes-again') => void) | undefined
  readonly act: (action: Exclude<Action, { action: 'timer' | 'cancel' }>) => void
  /** The disk is gone, or a decision has a bug. */
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
  /** What others may be told: on disk, while the state may be ahead of it. */
  readonly onDisk: { readonly applied: number; readonly digest: string }
  /** Calls at once, or as soon as all that was decided is on disk: in that moment the state is what the disk says. */
  whenOnDisk(then: () => void): void
  /** Cancels all timers and takes no more inputs. */
  stop(): void
}

export function startActing(options: ActingOptions): Acting {
  const { clock, state, soon = setImmediate, ids = RANDOM_IDS } = options
  const timers = new Map<string, () => void>()
  let saves: Save[] = []
  let actions: Action[] = []
  let waiting: (() => void)[] = []
  let readers: (() => void)[] = []
  let onDisk = { applied: state.applied, digest: state.digest }
  let scheduled = false
  let isRefused = false
  let stopped = false

  return {
    state,
    submit,
    whenOnDisk,
    stop,
    get onDisk() {
      return onDisk
    },
  }

  function submit(input: Input): Promise<void> {
    if (stopped) return Promise.resolve()
    try {
      decide(turnNow(), input)
    } catch (error) {
      fail(error)
      return Promise.resolve()
    }
    return new Promise((resolve) => {
      waiting.push(resolve)
      if (scheduled) return
      scheduled = true
      soon(() => flush())
    })
  }

  function flush({ isRetry = false } = {}): void {
    scheduled = false
    if (stopped || (isRefused && !isRetry) || !isWritten()) return
    const batch = { actions, waiting, readers }
    actions = []
    waiting = []
    readers = []
    try {
      for (const read of batch.readers) whenOnDisk(read)
      for (const action of batch.actions) perform(action)
    } catch (error) {
      fail(error)
      return
    }
    for (const resolve of batch.waiting) resolve()
  }

  /** False when the disk refuses; then what was decided is done when it takes it. */
  function isWritten(): boolean {
    const batch = saves
    saves = []
    try {
      if (batch.length > 0 || isRefused) options.write(batch, state)
    } catch (error) {
      if (error instanceof DiskRefused) refused(error.message)
      else fail(error)
      return false
    }
    if (isRefused) options.onDisk?.('takes-again')
    isRefused = false
    onDisk = { applied: state.applied, digest: state.digest }
    return true
  }

  /** The batch is kept by the one who writes. */
  function refused(why: string): void {
    if (!isRefused) options.onDisk?.({ refuses: why })
    isRefused = true
    clock.after(REFUSED_MS, () => flush({ isRetry: true }))
  }

  /** Nothing more is done of what was decided: it may not be on disk. */
  function fail(error: unknown): void {
    stopped = true
    options.onFailure(error)
  }

  function whenOnDisk(then: () => void): void {
    if (saves.length === 0 && !isRefused) then()
    else readers.push(then)
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
    // What the disk does not take now was neither done nor told.
    if (saves.length > 0 || isRefused) flush({ isRetry: true })
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
