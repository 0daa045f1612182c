// The tick: cluster time goes on, and one canary is sent into every group of the beats queue.
import type { Tick } from '../../master/model.ts'
import type { Canary } from '../../protocol/agent-messages.ts'
import { nextNumber } from '../../protocol/numbering.ts'
import type { Environment } from '../environment.ts'

/**
 * Writes the tick; undefined when another detector was faster, who then does the work.
 * @param at when the tick was sent, by one clock for all ticks (on AWS the stamp of its queue)
 */
export async function takeTick(env: Environment, at: number): Promise<Tick | undefined> {
  const last = await env.store.get('tick', {})
  if (last?.closed === true) return undefined
  const now = Math.max(at, last?.at ?? 0)
  const isBroken = last === undefined || now - last.at > env.settings.profile.hearingGapMs
  const tick: Tick = {
    ...last,
    version: last?.version ?? 0,
    number: nextNumber(last?.number ?? 0, env.cluster.timeline),
    at: now,
    unbrokenSince: isBroken ? now : last.unbrokenSince,
    removalTokens: last?.removalTokens ?? 0,
    ...(last?.rateTokens === undefined ? {} : { rateTokens: last.rateTokens }),
  }
  if (!(await putTick(env, tick))) return undefined
  return { ...tick, version: tick.version + 1 }
}

/** Writes what a pass has changed of the tick's own state; false when another tick came between. */
export async function putTick(env: Environment, item: Tick): Promise<boolean> {
  const change = { do: 'put', kind: 'tick', item, when: { name: 'unchanged' } } as const
  return (await env.store.commit([change], env.ids.uuid())).kind === 'committed'
}

/** In random order, so that a call that is cut off does not always leave the same shards without one. */
export async function sendCanaries(env: Environment, tick: Tick): Promise<void> {
  const shards = Array.from({ length: env.settings.beatShards }, (_, shard) => shard)
  const order = shards.map((shard) => ({ shard, key: env.ids.random() }))
  order.sort((a, b) => (a.key < b.key ? -1 : 1))
  const sent = await Promise.allSettled(
    order.map(({ shard }) => {
      const canary: Canary = { kind: 'canary', shard, number: tick.number }
      // Random: after a restart numbers may repeat within the five minutes in which SQS drops repeats.
      const deduplicationId = env.ids.random()
      return env.queues.send('heartbeats', JSON.stringify(canary), { group: String(shard), deduplicationId })
    }),
  )
  const failed = sent.filter(({ status }) => status === 'rejected').length
  if (failed > 0) env.log.warn('canaries not sent', { failed, of: shards.length })
}
