// Hands status updates to the control plane: one call at a time, gathered for a moment, until each is in custody.
//
// Walk: before it agent/decisions/updates.ts, after it functions/agents/. Updates stay on disk until the answer
// says taken or known; no answer means that the same call is made again.
import type { UpdateReport, UpdatesAnswer, UpdatesCall } from '../protocol/agent-messages.ts'
import type { Clock } from '../protocol/clock.ts'
import type { Acting } from './acting.ts'
import { backoff } from './backoff.ts'
import { writeJson } from './exact-json.ts'
import type { TaskKey, TaskRecord } from './state.ts'

/** One call is one transaction there. */
export const MAX_UPDATES_PER_CALL = 30
/** The control plane takes 4 MB and five hundred of each; what is more goes with the next call (A10). */
const MAX_PER_CALL = 400
const MAX_BYTES_PER_CALL = 2 * 1024 * 1024
/** Updates made in one moment travel together. */
const GATHER_MS = 2
/** A task whose update was not taken yet waits between these. */
const NOT_YET_MIN_MS = 100
const NOT_YET_MAX_MS = 10_000
const AWAY_MIN_MS = 100
const AWAY_MAX_MS = 10_000

export interface ReporterOptions {
  readonly clock: Clock
  readonly acting: Acting
  readonly random: () => number
  readonly call: (call: UpdatesCall) => Promise<UpdatesAnswer>
  /** Answers that mean something for the whole agent. */
  readonly onAnswer: (answer: Exclude<UpdatesAnswer, { kind: 'answered' }>) => void
}

export interface Reporter {
  /** There may be something to hand in. */
  wake(): void
  /** Makes a call even with nothing to hand in: somebody asked whether we live. */
  call(): void
  /** Resolves when nothing is left to hand in. */
  drained(): Promise<void>
  stop(): void
}

interface Batch {
  readonly updates: { readonly key: TaskKey; readonly report: UpdateReport }[]
  readonly call: UpdatesCall
}

export function startReporter(options: ReporterOptions): Reporter {
  const { clock, acting } = options
  const notBefore = new Map<TaskKey, { at: number; wait: number }>()
  const away = backoff(AWAY_MIN_MS, AWAY_MAX_MS, options.random)
  let cancel: (() => void) | undefined
  let inFlight = false
  let pausedUntil = 0
  let asked = false
  let stopped = false
  let draining: (() => void)[] = []

  return { wake: () => schedule(GATHER_MS), call, drained, stop }

  function call(): void {
    asked = true
    schedule(0)
  }

  function drained(): Promise<void> {
    return new Promise((resolve) => {
      draining.push(resolve)
      schedule(0)
    })
  }

  function stop(): void {
    stopped = true
    cancel?.()
  }

  function schedule(ms: number): void {
    if (stopped || inFlight || cancel !== undefined) return
    const wait = Math.max(ms, pausedUntil - clock.now())
    cancel = clock.after(wait, () => {
      cancel = undefined
      // Nothing is told that could be forgotten: its number would be given to another update.
      inFlight = true
      acting.whenOnDisk(() => {
        inFlight = false
        void handIn()
      })
    })
  }

  async function handIn(): Promise<void> {
    const batch = gather()
    if (batch === undefined) return
    inFlight = true
    asked = false
    try {
      await take(batch, await options.call(batch.call))
    } catch {
      pausedUntil = clock.now() + Math.max(10, away.next())
    } finally {
      inFlight = false
    }
    const next = nextDue()
    if (next !== undefined) schedule(Math.max(0, next - clock.now()))
    else settle()
  }

  /** Undefined when there is nothing to say now. */
  function gather(): Batch | undefined {
    const { state } = acting
    if (state.agentId === undefined || state.phase === 'recovering' || state.phase === 'registering') {
      settle()
      return undefined
    }
    const now = clock.now()
    const { exits, agentId, incarnation, applied } = state
    const room = { bytes: MAX_BYTES_PER_CALL }
    const updates = dueUpdates(state.tasks.values(), now, room)
    const messages = fitting(state.messages.slice(0, MAX_PER_CALL), room)
    if (updates.length === 0 && exits.length === 0 && messages.length === 0 && !asked) {
      const next = nextDue()
      if (next === undefined) settle()
      else schedule(Math.max(1, next - now))
      return undefined
    }
    return {
      updates,
      call: {
        type: 'UPDATES',
        agentId,
        incarnation,
        applied,
        updates: updates.map((update) => update.report),
        exits: exits.slice(0, MAX_PER_CALL),
        messages,
      },
    }
  }

  /** In order, as many as one call takes; of a task whose first one finds no room, none. */
  function dueUpdates(tasks: Iterable<TaskRecord>, now: number, room: Room): Batch['updates'] {
    const updates: Batch['updates'] = []
    for (const task of tasks) {
      if (updates.length >= MAX_UPDATES_PER_CALL) break
      if (task.pending.length === 0 || (notBefore.get(task.key)?.at ?? 0) > now) continue
      const due = task.pending.slice(0, MAX_UPDATES_PER_CALL - updates.length)
      for (const update of fitting(due, room))
        updates.push({ key: task.key, report: { ...update, latestState: task.state } })
    }
    return updates
  }

  async function take(batch: Batch, answer: UpdatesAnswer): Promise<void> {
    if (answer.kind !== 'answered') {
      pausedUntil = clock.now() + (answer.kind === 'not-yet' ? answer.retryAfterMs : NOT_YET_MIN_MS)
      options.onAnswer(answer)
      return
    }
    away.reset()
    pausedUntil = 0
    postpone(batch, answer.results)
    await acting.submit({
      input: 'handed-in',
      updates: batch.updates.map(({ key, report }) => ({ key, number: report.number })),
      results: answer.results,
      exits: batch.call.exits.map((exit) => exit.containerId),
      messages: batch.call.messages.length,
      generation: answer.generation,
    })
  }

  /** A task of which nothing was taken waits; one that got on is tried again at once. */
  function postpone(batch: Batch, results: readonly string[]): void {
    const refused = new Map<TaskKey, boolean>()
    batch.updates.forEach(({ key }, index) => {
      const first = !refused.has(key)
      if (first) refused.set(key, results[index] === 'not-yet')
    })
    for (const [key, isRefused] of refused) {
      if (!isRefused) {
        notBefore.delete(key)
        continue
      }
      const wait = Math.min((notBefore.get(key)?.wait ?? NOT_YET_MIN_MS / 2) * 2, NOT_YET_MAX_MS)
      notBefore.set(key, { at: clock.now() + wait * (0.5 + options.random() / 2), wait })
    }
  }

  function nextDue(): number | undefined {
    const { state } = acting
    let next = state.exits.length > 0 || state.messages.length > 0 || asked ? 0 : undefined
    for (const task of state.tasks.values()) {
      if (task.pending.length > 0)
        next = Math.min(next ?? Number.POSITIVE_INFINITY, notBefore.get(task.key)?.at ?? 0)
    }
    for (const key of notBefore.keys()) if (!state.tasks.has(key)) notBefore.delete(key)
    return next
  }

  function settle(): void {
    for (const resolve of draining) resolve()
    draining = []
  }
}

interface Room {
  bytes: number
}

/** The first of them, as many as there is room for; one that is larger than any room travels alone. */
function fitting<T>(items: readonly T[], room: Room): readonly T[] {
  const fits = items.findIndex((item) => {
    const isAlone = room.bytes === MAX_BYTES_PER_CALL
    room.bytes -= writeJson(item).length
    return room.bytes < 0 && !isAlone
  })
  return fits === -1 ? items : items.slice(0, fits)
}
