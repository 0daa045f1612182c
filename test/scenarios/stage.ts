// The stage of a trace: a control plane in memory, an agent that is played, calls of a framework, commits that can wait.
import { answerCall } from '../../functions/scheduler/calls.ts'
import { emptyState, plan, type ReaderState } from '../../functions/scheduler/reader-state.ts'
import type { Change } from '../../master/decision.ts'
import type { Framework, ItemKind, Items } from '../../master/model.ts'
import type { SchedulerCall, SchedulerEvent, TaskInfo, TaskState } from '../../protocol/messages.ts'
import { all, type Store } from '../../store/store.ts'
import { type PlayedAgent, scalar, type World, world } from '../functions/agents/world.ts'

export interface Paused {
  /** Resolves when a worker stands before the commit. */
  readonly reached: Promise<void>
  /** Lets it go on. */
  release(): void
}

/** A store in which the next commit of some kind waits, as a worker does that is paused before it. */
export function pausing(): {
  readonly wrap: (store: Store) => Store
  before(isMeant: (changes: readonly Change[]) => boolean): Paused
} {
  let waiting: { isMeant(changes: readonly Change[]): boolean; stop(): Promise<void> } | undefined
  return {
    wrap: (store) => ({
      ...store,
      async commit(changes, token) {
        if (waiting?.isMeant(changes)) {
          const { stop } = waiting
          waiting = undefined
          await stop()
        }
        return await store.commit(changes, token)
      },
    }),
    before(isMeant) {
      const reached = Promise.withResolvers<void>()
      const released = Promise.withResolvers<void>()
      waiting = {
        isMeant,
        stop() {
          reached.resolve()
          return released.promise
        },
      }
      return { reached: reached.promise, release: released.resolve }
    },
  }
}

/** True of commits that put an item of the kind (and, if asked, such a one). */
export function puts<K extends ItemKind>(
  kind: K,
  holds: (item: Items[K]) => boolean = () => true,
): (changes: readonly Change[]) => boolean {
  return (changes) =>
    changes.some(
      // An item is of its change's kind; the compiler does not see it through a type parameter.
      (change) => change.do === 'put' && change.kind === kind && holds(change.item as Items[K]),
    )
}

/** Waits before the write of a ledger of this number from now on: of an ACCEPT in pieces the hold is number 1. */
export function pausedAtPiece(on: Pick<Stage, 'pause'>, number: number): Paused {
  let seen = 0
  return on.pause((changes) => puts('ledger')(changes) && ++seen === number)
}

/** A store whose worker dies before such commits, once `allow` says after how many more; until then it never does. */
export function dyingBefore(isMeant: (changes: readonly Change[]) => boolean): {
  readonly store: (store: Store) => Store
  allow(count: number): void
} {
  let left = Number.POSITIVE_INFINITY
  return {
    allow(count) {
      left = count
    },
    store: (store) => ({
      ...store,
      async commit(changes, token) {
        if (isMeant(changes) && left-- <= 0) throw new Error('the worker died here')
        return await store.commit(changes, token)
      },
    }),
  }
}

export interface Stage {
  readonly w: World
  readonly agent: PlayedAgent
  readonly framework: Framework
  /** A call of the framework's session; its status. */
  call(call: Omit<SchedulerCall, 'framework_id'>): Promise<number>
  pause(isMeant: (changes: readonly Change[]) => boolean): Paused
  /** One look of the framework's reader, whose client is alive: what it said anew. */
  look(): Promise<readonly SchedulerEvent[]>
  /** Everything the reader said of a task so far, over all looks. */
  said(taskId: string): readonly (TaskState | undefined)[]
}

export async function stage(options: Parameters<typeof world>[0] = {}): Promise<Stage> {
  const pauses = pausing()
  const w = await world({
    ...options,
    store: (store, clock) => pauses.wrap(options.store?.(store, clock) ?? store),
  })
  const framework = await w.framework()
  const agent = await w.agent()
  const { frameworkId, epoch } = framework
  let state: ReaderState = emptyState(epoch)
  const events: SchedulerEvent[] = []
  return {
    w,
    agent,
    framework,
    pause: pauses.before,
    async call(call) {
      const whole = { ...call, framework_id: { value: frameworkId } }
      // Each by a process of its own: those of one process spare each other the conflicts that are tried here.
      const { answer } = await answerCall({ ...w.env, store: { ...w.store } }, whole, {
        streamId: framework.streamId,
      })
      return answer.status
    },
    async look() {
      const mail = (await all(w.store, 'mail', { frameworkId, shard: 0 })).map(({ item }) => item)
      const called = { version: 1, frameworkId, epoch, at: w.clock.now() }
      const look = { mail, losses: [], called, now: w.clock.now(), skewMs: -1 }
      const made = plan(state, look)
      state = made.next
      for (const { tag, ...item } of made.remove) {
        const when = { name: 'tag', tag } as const
        await w.store.commit([{ do: 'remove', kind: 'mail', item, when }], w.env.ids.uuid())
      }
      const said = made.say.flatMap((say) => (say.say === 'event' ? [say.event] : []))
      events.push(...said)
      return said
    },
    said: (taskId) =>
      events.flatMap(({ update }) => (update?.status.task_id.value === taskId ? [update.status.state] : [])),
  }
}

/** Small tasks for the stage's agent. */
export function taskInfos(agent: PlayedAgent, ids: readonly string[]): TaskInfo[] {
  return ids.map((id) => ({
    name: id,
    task_id: { value: id },
    agent_id: { value: agent.id },
    resources: [scalar('cpus', 0.1), scalar('mem', 32)],
    command: { value: 'sleep 1000' },
  }))
}

/** An ACCEPT of an offer of the whole agent that launches the tasks. */
export async function accepting(
  { agent, framework }: Pick<Stage, 'agent' | 'framework'>,
  ids: readonly string[],
): Promise<Omit<SchedulerCall, 'framework_id'>> {
  const offerId = await agent.offered(framework, { isSaid: true })
  return {
    type: 'ACCEPT',
    accept: {
      offer_ids: [{ value: offerId }],
      operations: [{ type: 'LAUNCH', launch: { task_infos: taskInfos(agent, ids) } }],
    },
  }
}
