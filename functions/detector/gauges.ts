// What the detector knows of its own ears at a tick, as numbers: the same for whoever asks for metrics and for the log.
import type { Beats, Tick } from '../../master/model.ts'

export interface HearingGauges {
  /** Cluster time behind the clock of whoever looks. */
  readonly tick_age_secs: number
  /** The newest canary of the group whose newest canary is the oldest: how late beats are read. */
  readonly oldest_canary_age_secs: number
  /** How long ticks and canaries have come without a gap; below the timeout nobody can be found silent. */
  readonly hearing_secs: number
  /** How long the guard has held removals back; 0: it does not. */
  readonly guard_secs: number
  readonly removal_tokens: number
}

/** @param now of this function's own clock: what stands still cannot be asked how late it is */
export function hearingGauges(tick: Tick, beats: readonly Beats[], now: number): HearingGauges {
  const canaries = beats.map(({ canary }) => canary.stamp).filter((stamp) => stamp > 0)
  const since = Math.max(tick.unbrokenSince, ...beats.map(({ hearingSince }) => hearingSince))
  return {
    tick_age_secs: seconds(now - tick.at),
    oldest_canary_age_secs: seconds(now - Math.min(now, ...canaries)),
    hearing_secs: seconds(tick.at - since),
    guard_secs: tick.guardSince === undefined ? 0 : seconds(tick.at - tick.guardSince),
    removal_tokens: tick.removalTokens,
  }
}

export function seconds(ms: number): number {
  return Math.max(0, ms / 1_000)
}
