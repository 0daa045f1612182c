// The agent's standing with the control plane: registered under an incarnation, beating, listening, in step.
import type {
  AgentCall,
  Notice,
  Nudge,
  RegisterAnswer,
  RegisterCall,
  SyncAnswer,
} from '../protocol/agent-messages.ts'
import { type Clock, sleep } from '../protocol/clock.ts'
import type { Acting } from './acting.ts'
import { backoff } from './backoff.ts'
import { startBeating } from './beating.ts'
import type { ControlPlane, Queues } from './control-plane.ts'
import type { Log } from './log.ts'
import { registerCallsOf } from './registering.ts'
import { type Reporter, startReporter } from './status-updates.ts'
import { wholeList } from './whole-list.ts'

/** Mesos: registration_backoff_factor and its cap. */
const REGISTER_MIN_MS = 1_000
const REGISTER_MAX_MS = 60_000
const RETRY_MIN_MS = 100
const RETRY_MAX_MS = 5_000
/** Shorter: what is launched first after an outage of the queues waits for this. */
const LISTEN_AGAIN_MAX_MS = 1_000
/** A list whose pages do not fit together is asked for anew this often at once. */
const MAX_LIST_TRIES = 3
/** Who heard nothing for so long asks. */
const QUIET_MS = 5 * 60_000

type Registered = Extract<RegisterAnswer, { kind: 'registered' }>

export interface LinkOptions {
  readonly clock: Clock
  readonly acting: Acting
  readonly controlPlane: ControlPlane
  readonly log: Log
  readonly random: () => number
  readonly bootNonce: string
  readonly about: Pick<RegisterCall, 'agentInfo' | 'address' | 'instanceId'>
  /** The first registration of this process was confirmed. */
  readonly onRegistered: (agentId: string) => void
  /** The control plane has no place for this agent. */
  readonly onShutdown: (why: string) => void
}

export interface Link {
  registerAgain(): void
  sync(): void
  readonly reporter: Reporter
  /** Says once what the machine's metadata says of its end; false: it is to be said again later. */
  tell(notice: Notice): Promise<boolean>
  /** Tells the control plane that this agent leaves for good; gives up after a while. */
  unregister(): Promise<void>
  stop(): void
}

export function startLink(options: LinkOptions): Link {
  const { clock, acting, controlPlane, log, random } = options
  const stopping = new AbortController()
  const reporter = startReporter({ clock, acting, random, call: heard, onAnswer: takeAnswer })
  let queues: Queues | undefined
  let silenceMs = QUIET_MS
  let lastHeard = clock.now()
  let registering = false
  let syncing = false
  let syncWanted = false
  let beating: (() => void) | undefined
  let beatNumber = 0
  let told = false

  void register()
  watchSilence()
  return { registerAgain, sync, reporter, tell, unregister, stop }

  function registerAgain(): void {
    void register(random() * REGISTER_MIN_MS)
  }

  /** Tries until it is answered; the same boot nonce gets the same incarnation, so a lost answer changes nothing. */
  async function register(delayMs = 0): Promise<void> {
    if (registering || stopping.signal.aborted) return
    registering = true
    // Until it hears its answer, its beats may be those of an incarnation that is over: it must be heard before it is lost.
    const longestMs =
      queues === undefined ? REGISTER_MAX_MS : Math.min(2 * queues.beats.intervalMs, REGISTER_MAX_MS)
    const waits = backoff(Math.min(REGISTER_MIN_MS * 2, longestMs), longestMs, random)
    await sleep(clock, delayMs, stopping.signal)
    while (!stopping.signal.aborted) {
      try {
        const answer = await registerOnce()
        if (answer.kind === 'registered') {
          registering = false
          await registered(answer)
          return
        }
        if (answer.kind === 'shutdown') {
          options.onShutdown(answer.why)
          return
        }
        await sleep(clock, answer.kind === 'not-yet' ? answer.retryAfterMs : 0, stopping.signal)
      } catch (error) {
        const wait = waits.next()
        log.warn('registration failed', { error: String(error), retryInMs: Math.round(wait) })
        await sleep(clock, wait, stopping.signal)
      }
    }
    registering = false
  }

  async function registerOnce(): Promise<RegisterAnswer> {
    await acting.submit({ input: 'registering' })
    const calls = await new Promise<RegisterCall[]>((resolve) => {
      acting.whenOnDisk(() => resolve(registerCallsOf(acting.state, options)))
    })
    let answer: RegisterAnswer = { kind: 'next-page' }
    for (const call of calls) {
      answer = await heard(call)
      if (answer.kind !== 'next-page') return answer
    }
    return answer
  }

  async function registered(answer: Registered): Promise<void> {
    const first = queues === undefined
    queues = answer
    silenceMs = answer.silenceMs
    await acting.submit({ input: 'registered', answer })
    if (first) void listen()
    beating?.()
    beating = startBeating(answer.beats.intervalMs, { clock, log, send: beat })
    if (!told && acting.state.phase === 'running') {
      told = true
      options.onRegistered(answer.agentId)
    }
  }

  /** Any answer shows that the control plane is there. */
  async function heard<C extends AgentCall>(call: C): ReturnType<typeof controlPlane.call<C>> {
    const answer = await controlPlane.call(call)
    lastHeard = clock.now()
    return answer
  }

  function takeAnswer(answer: Exclude<SyncAnswer, { kind: 'wanted' }>): void {
    if (answer.kind === 'register-again') registerAgain()
    else if (answer.kind === 'shutdown') options.onShutdown(answer.why)
  }

  /** Fetches the whole list; asked for while one is under way, it is fetched once more after that. */
  function sync(): void {
    syncWanted = true
    if (!syncing) void syncUntilDone()
  }

  async function syncUntilDone(): Promise<void> {
    syncing = true
    const waits = backoff(RETRY_MIN_MS, RETRY_MAX_MS, random)
    while (syncWanted && !stopping.signal.aborted) {
      syncWanted = false
      try {
        const wait = await syncOnce()
        if (wait === undefined) continue
        syncWanted = true
        await sleep(clock, wait, stopping.signal)
      } catch (error) {
        syncWanted = true
        log.warn('sync failed', { error: String(error) })
        await sleep(clock, waits.next(), stopping.signal)
      }
    }
    syncing = false
  }

  /** Yields ms to wait before another try, or undefined when there is nothing more to do. */
  async function syncOnce(): Promise<number | undefined> {
    const { agentId, incarnation } = acting.state
    if (agentId === undefined || incarnation === 0) return undefined
    for (let tries = 0; tries < MAX_LIST_TRIES; tries++) {
      const answer = await wholeList((after) => page({ agentId, incarnation }, after))
      if (answer === undefined) continue
      if (answer.kind === 'not-yet') return answer.retryAfterMs
      if (answer.kind === 'wanted') await acting.submit({ input: 'list', list: answer, incarnation })
      else takeAnswer(answer)
      return undefined
    }
    return RETRY_MIN_MS
  }

  async function page(
    who: { readonly agentId: string; readonly incarnation: number },
    after: string | undefined,
  ): Promise<SyncAnswer> {
    const { applied } = acting.onDisk
    return await heard({ type: 'SYNC', ...who, applied, ...(after === undefined ? {} : { after }) })
  }

  async function listen(): Promise<void> {
    const waits = backoff(RETRY_MIN_MS, LISTEN_AGAIN_MAX_MS, random)
    while (!stopping.signal.aborted && queues !== undefined) {
      try {
        const received = await controlPlane.receive(queues, stopping.signal)
        waits.reset()
        if (received.length === 0) continue
        await Promise.all(received.map(({ nudge }) => takeNudge(nudge)))
        const receipts = received.map((one) => one.receipt)
        controlPlane.remove(queues, receipts).catch((error: unknown) => {
          log.warn('nudges were not removed and will come again', { error: String(error) })
        })
      } catch (error) {
        if (stopping.signal.aborted) return
        log.warn('listening failed', { error: String(error) })
        await sleep(clock, waits.next(), stopping.signal)
      }
    }
  }

  async function takeNudge(nudge: Nudge | undefined): Promise<void> {
    if (nudge === undefined) {
      log.warn('a message in the queue of this agent is no nudge and is removed')
      return
    }
    lastHeard = clock.now()
    await acting.submit({ input: 'nudge', nudge })
  }

  async function beat(): Promise<void> {
    const { agentId, incarnation } = acting.state
    if (agentId === undefined || queues === undefined) return
    const message = { kind: 'beat' as const, agentId, incarnation, number: ++beatNumber, ...acting.onDisk }
    await controlPlane.beat(queues, message)
  }

  /** Quiet for half the time: ask. Silent for all of it: register again, as the answer of a lost agent would be. */
  function watchSilence(): void {
    clock.after(Math.max(50, Math.min(silenceMs, QUIET_MS) / 4), () => {
      if (stopping.signal.aborted) return
      const silentFor = clock.now() - lastHeard
      if (silentFor > silenceMs) registerAgain()
      else if (silentFor > Math.min(silenceMs / 2, QUIET_MS)) sync()
      watchSilence()
    })
  }

  async function tell(notice: Notice): Promise<boolean> {
    const { agentId, incarnation } = acting.state
    if (agentId === undefined || incarnation === 0) return false
    const answer = await heard({ type: 'NOTICE', agentId, incarnation, notice })
    if (answer.kind === 'register-again' || answer.kind === 'shutdown') takeAnswer(answer)
    return answer.kind === 'noticed'
  }

  async function unregister(): Promise<void> {
    const { agentId, incarnation } = acting.state
    if (agentId === undefined || incarnation === 0) return
    await controlPlane.call({ type: 'UNREGISTER', agentId, incarnation }).catch((error: unknown) => {
      log.warn('the control plane could not be told that this agent leaves', { error: String(error) })
    })
  }

  function stop(): void {
    stopping.abort()
    beating?.()
    reporter.stop()
    controlPlane.close()
  }
}
