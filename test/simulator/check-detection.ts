// Marks of agents: nobody before its timeout, nobody for an outage of ours, and never too many at once (S15, F1, F20, F21).
import { verdictOf } from '../../master/detection/verdict.ts'
import type { AgentEntry, Beats, Ledger } from '../../master/model.ts'
import { seconds, type View } from './view.ts'

/** Beats of an agent that are remembered. */
const KEPT = 80
/** A verdict may be so old when it is committed: hosts sleep, queues are behind. */
const VERDICT_MS = 90_000
/** A beat is stamped a moment before its sender hears so. */
const STAMP_MS = 500

interface Mark {
  readonly at: number
  readonly agentId: string
  readonly silentFor: number
}

export class DetectionCheck {
  readonly #view: View
  readonly #beats = new Map<number, Beats>()
  /** When each agent was heard of by anybody, the newest at the end. */
  readonly #heard = new Map<string, number[]>()
  readonly #zones = new Map<string, string | undefined>()
  /** By instance: until when EC2's word about it may count against its agent. */
  readonly #ending = new Map<string, number>()
  readonly #registeredAt = new Map<string, number>()
  #marks: Mark[] = []
  #tickAt = 0
  /** When the guard let more go than the limit, for the last time. */
  #releasedAt = Number.NEGATIVE_INFINITY

  constructor(view: View) {
    this.#view = view
  }

  /** Another pass begins. */
  onTick(): void {
    this.#tickAt = this.#view.time.now()
  }

  restoredBeats(was: Beats | undefined, is: Beats | undefined): void {
    if (was !== undefined) this.#beats.delete(was.shard)
    if (is !== undefined) this.onBeats(is)
  }

  onBeats(beats: Beats): void {
    this.#beats.set(beats.shard, beats)
  }

  onEntry({ agentId, info }: AgentEntry): void {
    this.#zones.set(agentId, info.domain?.fault_domain?.zone.name)
  }

  /** Silence behind it is counted from the canary before it, a tick ago at most (F23). */
  registered(agentId: string): void {
    this.heard(agentId)
    this.#registeredAt.set(agentId, this.#view.time.now())
  }

  heard(agentId: string): void {
    const times = this.#heard.get(agentId) ?? []
    times.push(this.#view.time.now())
    this.#heard.set(agentId, times.slice(-KEPT))
  }

  /** EC2 can say from now on that the machine does not run. */
  ending(instanceId: string): void {
    this.#ending.set(instanceId, Number.POSITIVE_INFINITY)
  }

  startedAgain(instanceId: string): void {
    this.#ending.set(instanceId, this.#view.time.now() + VERDICT_MS)
  }

  /** @param before the ledger that was judged */
  onMarked(before: Ledger): void {
    // By the word of EC2, which needs no timeout (R9).
    if (this.#view.time.now() < (this.#ending.get(before.instanceId ?? '') ?? 0)) return
    const { time, weather, settings, violated } = this.#view
    const { agentId, beatShard } = before
    const { timeoutMs, tickMs } = settings.profile
    const beats = this.#beats.get(beatShard)
    if (beats !== undefined && verdictOf(beats, before, timeoutMs) !== 'silent')
      violated('S15', `${agentId} is marked, and what was heard of it says that it is there (F23)`, agentId)
    const silence = this.#silence(agentId, timeoutMs)
    if (silence === undefined) {
      const ago = seconds(time.now() - (this.#heard.get(agentId)?.at(-1) ?? 0))
      violated(
        'S15',
        `${agentId} is marked ${ago} after its last beat, and was never silent for long (F1)`,
        agentId,
      )
      return
    }
    // A shorter outage breaks no chain of canaries.
    const heardFor = weather.longestClear(silence, settings.profile.hearingGapMs)
    if (heardFor < timeoutMs - tickMs)
      violated(
        'S15',
        `${agentId} is marked, ${seconds(heardFor)} of its silence were without an outage of ours (F21)`,
        agentId,
      )
    this.#marks.push({ at: time.now(), agentId, silentFor: time.now() - silence })
    this.#checkMass(agentId)
  }

  /** Since when it was silent for a whole timeout, as late as possible. */
  #silence(agentId: string, timeoutMs: number): number | undefined {
    const now = this.#view.time.now()
    const times = [...(this.#heard.get(agentId) ?? [0]), now]
    for (let index = times.length - 1; index > 0; index--) {
      const [from = 0, until = 0] = [times[index - 1], times[index]]
      if (until < now - timeoutMs - VERDICT_MS) return undefined
      const earlyMs = this.#registeredAt.get(agentId) === from ? this.#view.settings.profile.tickMs : 0
      if (until - from > timeoutMs - STAMP_MS - earlyMs) return from
    }
    return undefined
  }

  /** F20, F83: above the limit nobody goes until one timeout more has passed, and then at the removal rate. */
  #checkMass(agentId: string): void {
    const { time, settings, ledgers, violated } = this.#view
    const { profile, maxExpiredShare, removalsPerMinute } = settings
    const { timeoutMs, tickMs } = profile
    // A detector that is replaced is followed by another pass at once.
    const since = Math.max(time.now() - tickMs * 0.8, this.#tickAt)
    this.#marks = this.#marks.filter(({ at }) => at >= since)
    const pass = this.#marks.filter((mark) => !this.#isOfDeadZone(mark.agentId))
    const lives = [...ledgers.values()].map(({ life }) => life)
    const reachable = lives.filter((life) => life === 'active' || life === 'returning').length + pass.length
    const limit = Math.max(2, Math.floor(reachable * maxExpiredShare))
    if (pass.length <= limit) return
    if (pass.length > Math.max(limit, removalsPerMinute))
      violated(
        'S15',
        `${pass.length} agents are marked at once, ${removalsPerMinute} a minute may be`,
        agentId,
      )
    // Once it lets go, also those go who fell silent meanwhile, in this pass or in the next ones.
    if (pass.some(({ silentFor }) => silentFor >= 2 * timeoutMs - 2 * tickMs)) this.#releasedAt = time.now()
    if (time.now() - this.#releasedAt > 2 * tickMs)
      violated('S15', `${pass.length} of ${reachable} agents are marked in one pass`, agentId)
  }

  /** Everybody in its zone has been silent for a timeout: that is a zone's death and no mistake of ours. */
  #isOfDeadZone(agentId: string): boolean {
    const zone = this.#zones.get(agentId)
    if (zone === undefined) return false
    const since = this.#view.time.now() - this.#view.settings.profile.timeoutMs
    return [...this.#zones].every(([id, of]) => of !== zone || (this.#heard.get(id)?.at(-1) ?? 0) < since)
  }
}
