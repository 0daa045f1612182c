// Notices of the machine's end, read in its own metadata: told to the control plane until it has them.
//
//   spot/instance-action                   EC2 takes the Spot instance back in two minutes
//   events/recommendations/rebalance       EC2 thinks it might soon
//   autoscaling/target-lifecycle-state     `Terminated`: Auto Scaling ends it, after its hook
//
// EventBridge says the same (functions/instance-events), later or never. What comes of a notice the control plane
// decides; the agent does nothing by itself. Nothing is remembered: after a restart the metadata still says it.
import type { Notice } from '../protocol/agent-messages.ts'
import { type Clock, sleep } from '../protocol/clock.ts'
import type { Log } from './log.ts'
import type { Metadata } from './metadata.ts'

/** EC2 asks to look so often. */
const POLL_MS = 5_000
/** From the notice of a Spot interruption to the end that it names. */
const SPOT_NOTICE_MS = 2 * 60_000

export interface NoticeOptions {
  readonly clock: Clock
  readonly metadata: Metadata
  readonly log: Log
  /** Under which the agent is registered; undefined while it is not. */
  readonly incarnation: () => number | undefined
  /** Whether the control plane has it now; a rejection means that nobody knows. */
  readonly tell: (notice: Notice) => Promise<boolean>
}

interface Told {
  readonly incarnation: number | undefined
  readonly kinds: Set<Notice['kind']>
}

/** Looks until the returned function is called; the first time at once. */
export function watchNotices(options: NoticeOptions): () => void {
  const ending = new AbortController()
  void watch(options, ending.signal)
  return () => ending.abort()
}

async function watch(options: NoticeOptions, signal: AbortSignal): Promise<void> {
  const { clock, metadata, log } = options
  let told: Told = { incarnation: undefined, kinds: new Set() }
  let isSilent = false
  for (; !signal.aborted; await sleep(clock, POLL_MS, signal)) {
    try {
      const notices = await readNotices(metadata, clock, signal)
      isSilent = false
      const incarnation = options.incarnation()
      // What was told by an earlier incarnation may have been taken back since, by a restore.
      if (told.incarnation !== incarnation) told = { incarnation, kinds: new Set() }
      const { kinds } = told
      for (const notice of incarnation === undefined ? [] : notices) {
        if (!kinds.has(notice.kind) && (await isTold(options, notice))) kinds.add(notice.kind)
      }
    } catch (error) {
      if (!isSilent && !signal.aborted) log.warn('instance metadata is silent', { error: String(error) })
      isSilent = true
    }
  }
}

async function isTold({ tell, log }: NoticeOptions, notice: Notice): Promise<boolean> {
  try {
    const isHeard = await tell(notice)
    if (isHeard) log.warn('this machine is to end, and the control plane knows', { ...notice })
    return isHeard
  } catch (error) {
    log.warn('a notice of this machine’s end was not told yet', { ...notice, error: String(error) })
    return false
  }
}

/** All that stand there now. */
async function readNotices(
  metadata: Metadata,
  clock: Clock,
  signal: AbortSignal,
): Promise<readonly Notice[]> {
  const [spot, rebalance, target] = await Promise.all([
    metadata.get('spot/instance-action', signal),
    metadata.get('events/recommendations/rebalance', signal),
    metadata.get('autoscaling/target-lifecycle-state', signal),
  ])
  return [
    ...(spot === undefined ? [] : [{ kind: 'spot' as const, at: givenAt(spot) ?? clock.now() }]),
    ...(rebalance === undefined ? [] : [{ kind: 'rebalance' as const }]),
    ...(target === 'Terminated' ? [{ kind: 'hook' as const }] : []),
  ]
}

/** `{"action":"terminate","time":"2026-11-22T17:02:00Z"}`: the time of the end. Undefined when it cannot be read. */
function givenAt(spot: string): number | undefined {
  try {
    const { time } = JSON.parse(spot) as { readonly time?: unknown }
    const end = typeof time === 'string' ? Date.parse(time) : Number.NaN
    return Number.isNaN(end) ? undefined : Math.max(0, end - SPOT_NOTICE_MS)
  } catch {
    return undefined
  }
}
