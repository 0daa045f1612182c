// A framework's session that is played by the test: subscribed by the real call, read look by look, ended in each way.
import { expect } from 'vitest'
import type { Environment } from '../../functions/environment.ts'
import { isStream } from '../../functions/http/types.ts'
import { answerCall } from '../../functions/scheduler/calls.ts'
import { disconnect } from '../../functions/scheduler/disconnect.ts'
import { emptyState, plan, type ReaderState } from '../../functions/scheduler/reader-state.ts'
import { subscribe } from '../../functions/scheduler/subscribe.ts'
import type { DisconnectReason } from '../../master/frameworks/lifecycle.ts'
import type { Framework } from '../../master/model.ts'
import { decodeMessage } from '../../protocol/codec.ts'
import type { SchedulerCall, SchedulerEvent, TaskStatus } from '../../protocol/messages.ts'
import { RecordDecoder } from '../../protocol/recordio.ts'
import { all } from '../../store/store.ts'
import type { World } from '../functions/agents/world.ts'

export interface PlayedSession {
  readonly framework: Framework
  /** A call of this session; its status. */
  call(call: Omit<SchedulerCall, 'framework_id'>): Promise<number>
  /** One look of its reader: what it said anew. */
  look(): Promise<readonly SchedulerEvent[]>
  /** The same, only the statuses of tasks. */
  statuses(): Promise<readonly TaskStatus[]>
  acknowledge(status: TaskStatus): Promise<number>
  end(why: DisconnectReason): Promise<void>
}

const INFO = { user: 'root', name: 'framework', checkpoint: true, failover_timeout: 600 }
const PARTITION_AWARE = [{ type: 'PARTITION_AWARE' as const }]
const YEAR_MS = 365 * 24 * 3_600_000

/** The same cluster as seen by a process that was started just now: nothing of its memory is there. */
export function newProcess(env: Environment): Environment {
  return { ...env, store: { ...env.store } }
}

/** Subscribes; the reader's lease is held for a year, so that only the test ends the session. */
export async function playedSession(
  w: World,
  info: Readonly<Record<string, unknown>> = {},
): Promise<PlayedSession> {
  const { headers, body } = await subscribing(w, info)
  const streamId = headers['mesos-stream-id'] ?? ''
  const found = (await all(w.store, 'frameworks', {})).map(({ item }) => item)
  const framework = found.find((one) => one.streamId === streamId)
  if (framework === undefined) return expect.fail(`refused: ${await refusal(body)}`)
  const { frameworkId, epoch } = framework
  const lease = await w.store.get('lease', { frameworkId })
  if (lease === undefined) return expect.fail('no lease')
  await w.store.commit(
    [
      {
        do: 'put',
        kind: 'lease',
        item: { ...lease, expiresAt: w.clock.now() + YEAR_MS },
        when: { name: 'unchanged' },
      },
    ],
    w.env.ids.uuid(),
  )
  let state: ReaderState = emptyState(epoch)
  let told = lease.lossesTold
  const self: PlayedSession = {
    framework,
    async call(call) {
      const whole = { ...call, framework_id: { value: frameworkId } }
      return (await answerCall(newProcess(w.env), whole, { streamId })).answer.status
    },
    async look() {
      const mail = (await all(w.store, 'mail', { frameworkId, shard: 0 })).map(({ item }) => item)
      const losses = (await all(w.store, 'losses', {}))
        .map(({ item }) => item)
        .filter(({ number }) => number > told)
      told = Math.max(told, ...losses.map(({ number }) => number))
      const called = { version: 1, frameworkId, epoch, at: w.clock.now() }
      const made = plan(state, { mail, losses, called, now: w.clock.now(), skewMs: -1 })
      state = made.next
      for (const { tag, ...item } of made.remove) {
        await w.store.commit(
          [{ do: 'remove', kind: 'mail', item, when: { name: 'tag', tag } }],
          w.env.ids.uuid(),
        )
      }
      return made.say.flatMap((say): SchedulerEvent[] => {
        if (say.say === 'event') return [say.event]
        return say.say === 'offers' ? [{ type: 'OFFERS', offers: { offers: say.offers } }] : []
      })
    },
    async statuses() {
      return (await self.look()).flatMap(({ update }) => (update === undefined ? [] : [update.status]))
    },
    acknowledge({ task_id, agent_id, uuid }) {
      if (agent_id === undefined || uuid === undefined) return expect.fail('not to be acknowledged')
      return self.call({ type: 'ACKNOWLEDGE', acknowledge: { agent_id, task_id, uuid } })
    },
    async end(why) {
      await disconnect(newProcess(w.env), { frameworkId, epoch, why })
    },
  }
  return self
}

/** Subscribes in vain; the words of the ERROR. */
export async function refusedSession(w: World, info: Readonly<Record<string, unknown>>): Promise<string> {
  return await refusal((await subscribing(w, info)).body)
}

function subscribing(w: World, info: Readonly<Record<string, unknown>>) {
  const framework_info = { ...INFO, capabilities: PARTITION_AWARE, ...info }
  const call: SchedulerCall = { type: 'SUBSCRIBE', subscribe: { framework_info } }
  return subscribe(newProcess(w.env), call, { mediaType: 'application/json' })
}

async function refusal(body: Awaited<ReturnType<typeof subscribing>>['body']): Promise<string> {
  if (!isStream(body)) return expect.fail('no stream')
  const decoder = new RecordDecoder()
  const events: SchedulerEvent[] = []
  const write = async (chunk: Uint8Array) => {
    for (const record of decoder.push(chunk)) {
      const decoded = decodeMessage('mesos.v1.scheduler.Event', 'application/json', record)
      if (decoded.ok) events.push(decoded.message)
    }
    // Whoever is not refused finds its stream closed.
    return false
  }
  await body.open(write, AbortSignal.abort())
  return events[0]?.error?.message ?? `${events[0]?.type}`
}

/** The framework's own id again, for another SUBSCRIBE. */
export function again({ framework }: PlayedSession): { readonly id: { readonly value: string } } {
  return { id: { value: framework.frameworkId } }
}
