// Once a minute the detector says how it hears, in a line of the log from which CloudWatch makes metrics by itself (EMF).
//
// No call and no further read: everything in it the tick has seen anyhow. A metric costs $0.30 a month, a field of a
// line nothing; so metrics are what alarms are set on, and the rest is there for whoever reads the log.
import type { Beats } from '../../master/model.ts'
import { hearingGauges } from '../detector/gauges.ts'
import type { Seen } from '../detector/handler.ts'
import type { Environment } from '../environment.ts'

/** CloudWatch's resolution; ticks are denser. */
const EACH_MS = 60_000

/** How the stack names the metrics of a cluster: `Meseta/<prefix>`, with the dimension `cluster`. */
export function namespaceOf(prefix: string): string {
  return `Meseta/${prefix}`
}

/** The first tick of each minute of cluster time; several detectors agree on it, for a tick is one detector's alone. */
export function isFirstOfMinute({ before, tick }: Pick<Seen, 'before' | 'tick'>): boolean {
  return before === undefined || Math.floor(before.at / EACH_MS) !== Math.floor(tick.at / EACH_MS)
}

/** Writes the line if it is time for it. @param prefix names the cluster among those of the account */
export function logGauges(
  env: Pick<Environment, 'log' | 'clock' | 'settings'>,
  prefix: string,
  seen: Seen,
): void {
  if (!isFirstOfMinute(seen)) return
  const now = env.clock.now()
  const metrics = metricsOf(seen, now)
  const declared = Object.keys(metrics).map((Name) => ({ Name, Unit: 'Seconds' }))
  env.log.info('gauges', {
    _aws: {
      Timestamp: now,
      CloudWatchMetrics: [{ Namespace: namespaceOf(prefix), Dimensions: [['cluster']], Metrics: declared }],
    },
    cluster: prefix,
    ...metrics,
    ...fieldsOf(seen, env.settings.profile.timeoutMs),
  })
}

/**
 * Where nobody is to be heard, nothing is said of hearing: such a cluster has one tick a minute, and each breaks the
 * chain. The guard is a metric only while it holds.
 */
function metricsOf({ tick, sight }: Seen, now: number): Readonly<Record<string, number>> {
  const beats = sight?.beats ?? []
  const { tick_age_secs, hearing_secs, oldest_canary_age_secs, guard_secs } = hearingGauges(tick, beats, now)
  if (!isAnybodyThere(beats)) return { tick_age_secs }
  const guard: Readonly<Record<string, number>> = guard_secs > 0 ? { guard_secs } : {}
  return { tick_age_secs, hearing_secs, oldest_canary_age_secs, ...guard }
}

function isAnybodyThere(beats: readonly Beats[]): boolean {
  return beats.some(({ agents }) => Object.keys(agents).length > 0)
}

function fieldsOf(
  { tick, sight, frameworks }: Seen,
  timeoutMs: number,
): Readonly<Record<string, number | undefined>> {
  const silences = (sight?.beats ?? []).flatMap(({ agents, canary, hearingSince }) =>
    Object.values(agents).map(({ stamp }) => canary.stamp - Math.max(stamp, hearingSince)),
  )
  const connected = frameworks?.frameworks.filter(({ state }) => state === 'connected')
  const epochs = new Map(connected?.map(({ frameworkId, epoch }) => [frameworkId, epoch]))
  return {
    removal_tokens: tick.removalTokens,
    agents_beating: silences.length,
    agents_suspect: silences.filter((ms) => ms > timeoutMs / 2).length,
    agents_open_work: sight?.ledgers.filter(({ openWork }) => openWork !== undefined).length,
    frameworks_connected: connected?.length,
    frameworks_open_work: frameworks?.frameworks.filter(({ openWork }) => openWork !== undefined).length,
    deliveries_failing: frameworks?.leases.filter(
      ({ frameworkId, notifying }) =>
        notifying !== undefined && notifying.failures > 0 && notifying.epoch === epochs.get(frameworkId),
    ).length,
  }
}
