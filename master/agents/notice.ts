// What a notice of a machine's end asks of its agent: a drain that never takes the place of a stricter one.
import type { Notice } from '../../protocol/agent-messages.ts'
import type { Drain, Ledger } from '../model.ts'
import type { NoticeSettings } from '../settings.ts'
import type { DrainOrder } from './drain.ts'

/** A repeat that asks for the end no more than this earlier is no other order. */
const SAME_MS = 2_000

/**
 * The drain to ask for; undefined when there is none to ask for, or one under way that ends as early. No notice makes
 * an agent gone: that it is dead is looked up when it is (R9). An operator's wish for it is kept.
 */
export function drainOrderFor(
  { drain }: Pick<Ledger, 'drain'>,
  notice: Notice,
  settings: NoticeSettings,
  now: number,
): DrainOrder | undefined {
  const graceMs = graceFor(notice, settings, now)
  if (graceMs === undefined || drain?.state === 'DRAINED') return undefined
  if (drain !== undefined && endOf(drain) <= now + graceMs + SAME_MS) return undefined
  return { maxGraceMs: graceMs, markGone: drain?.markGone ?? false }
}

function graceFor(notice: Notice, settings: NoticeSettings, now: number): number | undefined {
  switch (notice.kind) {
    // What the notice spent on its way is missing at the end. Clocks that disagree make it no longer than it is.
    case 'spot':
      return Math.max(0, settings.spotGraceMs - Math.max(0, now - notice.at))
    case 'rebalance':
      return settings.drainsOnRebalance ? settings.drainGraceMs : undefined
    case 'hook':
      return settings.drainGraceMs
  }
}

/** Tasks without a cap have their own grace, of which nobody knows how long it is. */
function endOf({ since, maxGraceMs }: Drain): number {
  return since + (maxGraceMs ?? Number.POSITIVE_INFINITY)
}
