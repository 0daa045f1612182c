// The operator's event stream: while somebody listens, the cluster is looked at again and again and compared.
//
// All listeners of a process share the looks, so a hundred cost what one costs, and nobody listening costs nothing. A
// listener begins with a look of its own time, and every later look is compared with the one before: its snapshot and
// its events fit together without gap or repetition (C138).

import { seenBy } from '../../master/authorization/sight.ts'
import { MAX_OPERATOR_SUBSCRIBERS, STREAM_HEARTBEAT_MS } from '../../master/limits.ts'
import { getState } from '../../master/operator/answers.ts'
import { changes } from '../../master/operator/changes.ts'
import type { ClusterView } from '../../master/operator/view.ts'
import { sleep } from '../../protocol/clock.ts'
import type { MasterEvent } from '../../protocol/messages.ts'
import type { Asker } from '../authorize.ts'
import type { Environment } from '../environment.ts'
import { CHANGE_BELL } from '../tell.ts'
import { EVERYTHING, loadView } from './view.ts'

export interface ChangeFeed {
  /** Says the state as the asker sees it, then what happens, until `say` is false, `closed` aborts, or newer listeners need the place. */
  serve(say: (event: MasterEvent) => Promise<boolean>, closed: AbortSignal, asker: Asker): Promise<void>
  listeners(): number
}

/** Changes that were not rung for are found after this. */
const LOOK_MS = 1_000
/** However much happens, the table is not read more often than this. */
const MIN_LOOK_MS = 100
/** A listener that is further behind than this is not listening. */
const MAX_UNSAID = 20_000

interface Listener {
  readonly asker: Asker
  readonly unsaid: MasterEvent[]
  readonly ending: AbortController
  wake: () => void
}

/** One per process and environment. */
export function changeFeed(env: Environment): ChangeFeed {
  /** The longest listening first. */
  const listeners = new Set<Listener>()
  let view: ClusterView | undefined
  let looking: Promise<unknown> = Promise.resolve()
  let watching = false

  return {
    listeners: () => listeners.size,
    async serve(say, closed, asker) {
      const { listener, seen } = await join(asker)
      const end = (): void => listener.ending.abort()
      closed.addEventListener('abort', end, { once: true })
      if (closed.aborted) end()
      try {
        await run(env, listener, seen, say)
      } finally {
        listeners.delete(listener)
        closed.removeEventListener('abort', end)
      }
    },
  }

  async function join(asker: Asker): Promise<{ readonly listener: Listener; readonly seen: ClusterView }> {
    const listener: Listener = { asker, unsaid: [], ending: new AbortController(), wake: () => {} }
    const seen = await look(listener)
    if (!watching) void watch()
    return { listener, seen }
  }

  /** One look after the other, each begun after it was asked for. Who joins hears from the next one on. */
  function look(joining?: Listener): Promise<ClusterView> {
    const next = looking.then(async () => {
      const seen = await loadView(env, EVERYTHING)
      const told = view === undefined ? () => [] : changesFor(env, view, seen)
      view = seen
      for (const listener of listeners) hear(listener, told(listener.asker))
      if (joining !== undefined) admit(joining)
      return seen
    })
    looking = next.catch(() => {})
    return next
  }

  function admit(listener: Listener): void {
    const [oldest] = listeners
    if (oldest !== undefined && listeners.size >= MAX_OPERATOR_SUBSCRIBERS) {
      oldest.ending.abort()
      listeners.delete(oldest)
    }
    listeners.add(listener)
  }

  async function watch(): Promise<void> {
    watching = true
    while (listeners.size > 0) {
      // Waited for from before the look on, so that a ring during it is heard.
      const rung = env.bells.wait(CHANGE_BELL, LOOK_MS)
      await look().catch((error: unknown) => env.log.warn('look failed', { error: String(error) }))
      await Promise.all([rung, sleep(env.clock, MIN_LOOK_MS)])
    }
    watching = false
    view = undefined
  }
}

/**
 * What each principal is told of: the changes of what it sees now, compared once for all who see the same. A right that
 * was taken away says no more from the next look on (A26).
 */
function changesFor(
  { settings: { acls } }: Environment,
  before: ClusterView,
  after: ClusterView,
): (asker: Asker) => readonly MasterEvent[] {
  const made = new Map<string | undefined, readonly MasterEvent[]>()
  return ({ principal }) => {
    const key = acls === undefined ? undefined : principal
    const events = made.get(key) ?? changes(seenBy(before, acls, principal), seenBy(after, acls, principal))
    made.set(key, events)
    return events
  }
}

function hear(listener: Listener, events: readonly MasterEvent[]): void {
  if (events.length === 0) return
  listener.unsaid.push(...events)
  if (listener.unsaid.length > MAX_UNSAID) listener.ending.abort()
  listener.wake()
}

async function run(
  env: Environment,
  listener: Listener,
  seen: ClusterView,
  say: (event: MasterEvent) => Promise<boolean>,
): Promise<void> {
  const { signal } = listener.ending
  const subscribed = {
    get_state: getState(seenBy(seen, env.settings.acls, listener.asker.principal)),
    heartbeat_interval_seconds: STREAM_HEARTBEAT_MS / 1000,
  }
  if (!(await say({ type: 'SUBSCRIBED', subscribed }))) return
  let beatAt = env.clock.now()
  while (!signal.aborted) {
    for (const event of listener.unsaid.splice(0)) if (!(await say(event))) return
    if (env.clock.now() >= beatAt) {
      beatAt += STREAM_HEARTBEAT_MS
      if (!(await say({ type: 'HEARTBEAT' }))) return
    }
    if (listener.unsaid.length > 0) continue
    const waiting = new AbortController()
    listener.wake = () => waiting.abort()
    signal.addEventListener('abort', listener.wake, { once: true })
    await sleep(env.clock, Math.max(0, beatAt - env.clock.now()), waiting.signal)
    signal.removeEventListener('abort', listener.wake)
  }
}
