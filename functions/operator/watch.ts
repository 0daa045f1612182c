// The numbers alarms are set on, under `meseta/`: is anybody heard, what waits, what this process had to say of trouble.
//
// Mesos has none of these; docs/runbooks/ has a page for each alarm and says what to do.

import { silenceMs } from '../../master/detection/verdict.ts'
import type { Beats, Tick } from '../../master/model.ts'
import type { ClusterView } from '../../master/operator/view.ts'
import { hearingGauges, seconds } from '../detector/gauges.ts'
import type { Environment } from '../environment.ts'
import type { Metrics } from './metrics.ts'

/** Log events that are counted, as `meseta/events/…` with underscores; since this process started. */
export const WATCHED = [
  // The table.
  'conflicted',
  'store retried',
  'asked to come back',
  'request failed',
  // Queues and what travels in them.
  'queue away',
  'nudge lost',
  'batch failed',
  'message parked',
  // The detector and its ears.
  'canaries not sent',
  'beats not written',
  'pass failed',
  'part failed',
  'alarm: mass expiry held back',
  'machines not looked up',
  'instance event failed',
  // Streams of frameworks, lists of agents.
  'mailbox away',
  'lease not renewed',
  // Frameworks that read no stream.
  'delivery failed',
  'delivery broke off',
  'event not deliverable',
  'list torn',
] as const

/** Of the cluster, but for `meseta/events/…`, which is this process's own. */
export async function watch(env: Environment, view: ClusterView): Promise<Metrics> {
  const shards = Array.from({ length: env.settings.beatShards }, (_, shard) => ({ shard }))
  const [tick, found] = await Promise.all([env.store.get('tick', {}), env.store.getMany('beats', shards)])
  const beats = found.filter((one) => one !== undefined)
  return {
    ...ofDetector(tick, beats, env.clock.now()),
    ...ofSilence(view, beats, env.settings.profile.timeoutMs),
    ...ofCustody(view),
    'meseta/deliveries/failing': await failing(env, view),
    'meseta/frameworks/open_work': view.frameworks
      .concat(view.completedFrameworks)
      .filter(({ framework }) => framework.openWork !== undefined).length,
    ...ofEvents(env.log.counts?.() ?? {}),
  }
}

function ofDetector(tick: Tick | undefined, beats: readonly Beats[], now: number): Metrics {
  if (tick === undefined) return {}
  const gauges = Object.entries(hearingGauges(tick, beats, now))
  return Object.fromEntries(gauges.map(([name, value]) => [`meseta/detector/${name}`, value]))
}

function ofSilence({ agents }: ClusterView, beats: readonly Beats[], timeoutMs: number): Metrics {
  const byShard = new Map(beats.map((one) => [one.shard, one]))
  const silences = agents.map(({ ledger }) => silenceMs(byShard.get(ledger.beatShard), ledger))
  return {
    'meseta/agents/suspect': silences.filter((ms) => ms > timeoutMs / 2).length,
    'meseta/agents/longest_silence_secs': seconds(Math.max(0, ...silences)),
    'meseta/agents/open_work': agents.filter(({ ledger }) => ledger.openWork !== undefined).length,
  }
}

/** Updates that wait for their framework: how many, and how long the oldest does; also per framework. */
function ofCustody({ frameworks, now }: ClusterView): Metrics {
  const found: Record<string, number> = {}
  let waiting = 0
  let oldest = now
  for (const { framework, tasks } of frameworks) {
    const heads = tasks.flatMap(({ task }) => task.custody.slice(0, 1))
    const own = Math.min(now, ...heads.map(({ at }) => at))
    waiting += tasks.reduce((sum, { task }) => sum + task.custody.length, 0)
    oldest = Math.min(oldest, own)
    const prefix = `master/frameworks/${encodeURIComponent(framework.info.name)}/${framework.frameworkId}`
    found[`${prefix}/oldest_unacknowledged_secs`] = seconds(now - own)
  }
  return {
    ...found,
    'meseta/updates/unacknowledged': waiting,
    'meseta/updates/oldest_unacknowledged_secs': seconds(now - oldest),
  }
}

/** Frameworks without a stream whose webhook or queue took nothing at the last try. */
async function failing(env: Environment, { frameworks }: ClusterView): Promise<number> {
  const delivered = frameworks
    .map(({ framework }) => framework)
    .filter(({ delivery, state }) => delivery !== undefined && state === 'connected')
  const leases = await env.store.getMany(
    'lease',
    delivered.map(({ frameworkId }) => ({ frameworkId })),
  )
  return delivered.filter(({ epoch }, index) => {
    const notifying = leases[index]?.notifying
    return notifying?.epoch === epoch && notifying.failures > 0
  }).length
}

function ofEvents(counts: Readonly<Record<string, number>>): Metrics {
  return Object.fromEntries(
    WATCHED.map((event) => [`meseta/events/${event.replace(/[^a-z]+/g, '_')}`, counts[event] ?? 0]),
  )
}
