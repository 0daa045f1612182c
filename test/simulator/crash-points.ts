// Crash points: every call a handler makes to the table or a queue is a place where its process can die, before and after.
//
// A fixed scenario without chance is run once to find the places. Then once for each of them: the process that comes
// there first dies, and the cluster must converge with all invariants held. A place is a handler with the calls it
// made since it began, so that the same handler on another path is another place.
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Environment } from '../../functions/environment.ts'
import type { MessageSource } from '../../functions/ports/message-source.ts'
import type { Change } from '../../master/decision.ts'
import { SCENARIO } from './crash-points-scenario.ts'
import { never, type SimProcess } from './process.ts'
import { type SimulationOutcome, simulate } from './simulation.ts'

export interface CrashPoint {
  /** `scheduler ACCEPT: load framework,ledger > commit …`. */
  readonly place: string
  readonly when: 'before' | 'after'
}

/** One crash, or two: the second one happens at the first such place after the first. */
export type CrashPointJob = readonly CrashPoint[]

export interface CrashPointOutcome {
  readonly violation: SimulationOutcome['violation']
  /** How many of the crashes took place; a second place may never be come to once the first has struck. */
  readonly reached: number
}

export interface Places {
  /** In the order in which the scenario comes to them. */
  readonly all: readonly string[]
  /** Those after which a piece of work called nothing more. */
  readonly last: ReadonlySet<string>
}

export async function placesOf(): Promise<Places> {
  const all = new Set<string>()
  const last = new Set<string>()
  const outcome = await run(
    (place) => {
      all.add(place)
      return undefined
    },
    (place) => last.add(place),
  )
  if (outcome.violation !== undefined)
    throw new Error(`the scenario fails without a crash: ${outcome.violation.text}`)
  return { all: [...all], last }
}

/** All single crash points. After a read is the moment before the next call, and comes once, as that. */
export function singles({ all, last }: Places): readonly CrashPointJob[] {
  return all.flatMap((place): CrashPointJob[] => {
    const before: CrashPointJob = [{ place, when: 'before' }]
    return isRead(place) && !last.has(place) ? [before] : [before, [{ place, when: 'after' }]]
  })
}

function isRead(place: string): boolean {
  const call = place.slice(Math.max(place.lastIndexOf(': '), place.lastIndexOf('> ')) + 2)
  return /^(get|load|query) /.test(call)
}

/** Pairs of places, at most `bound` of them, spread evenly over all there are. */
export function pairs(places: readonly string[], bound: number): readonly CrashPointJob[] {
  const all = places.length ** 2
  const count = Math.min(bound, all)
  return Array.from({ length: count }, (_, index): CrashPointJob => {
    const at = Math.floor((index * all) / count)
    const [first, second] = [places[Math.floor(at / places.length)] ?? '', places[at % places.length] ?? '']
    return [
      { place: first, when: index % 2 === 0 ? 'after' : 'before' },
      { place: second, when: index % 4 < 2 ? 'after' : 'before' },
    ]
  })
}

/** The scenario with these crashes. */
export async function crashAt(job: CrashPointJob): Promise<CrashPointOutcome> {
  let reached = 0
  const { violation } = await run((place) => {
    const next = job[reached]
    if (next?.place !== place) return undefined
    reached += 1
    return next.when
  })
  return { violation, reached }
}

/** Says of each call whether its process dies there. */
type Decide = (place: string) => CrashPoint['when'] | undefined

/** What a piece of work called since it began. */
interface Path {
  readonly what: string
  calls: string[]
}

async function run(decide: Decide, onLast: (place: string) => void = () => {}): Promise<SimulationOutcome> {
  const paths = new AsyncLocalStorage<Path>()
  return await simulate({
    ...SCENARIO,
    around: async (what, work) => {
      const path: Path = { what, calls: [] }
      const done = await paths.run(path, work)
      if (path.calls.length > 0) onLast(nameOf(path))
      return done
    },
    mutation: (env, name) => watched(env, (call) => placeOf(paths.getStore(), name, call), decide),
  })
}

function placeOf(path: Path | undefined, name: string, call: string): string {
  // Receiving and removing messages is the loop's around the handlers.
  if (path === undefined) return `loop of ${name}: ${call}`
  // A reader's stream lives for minutes; each look begins anew.
  if (path.what === 'reader' && call.startsWith('query mail')) path.calls = []
  // Many agents one after the other are one place.
  if (path.calls.at(-1) !== call) path.calls.push(call)
  return nameOf(path)
}

function nameOf({ what, calls }: Path): string {
  return `${what}: ${calls.slice(-MAX_CALLS).join(' > ')}`
}

/** Longer ways to a place are told apart by their ends only. */
const MAX_CALLS = 6

function watched(env: Environment, placeOf: (call: string) => string, decide: Decide): Environment {
  const { store, clock } = env
  // The queues and the clock of a simulated host are these.
  const queues = env.queues as MessageSource
  const process = clock as SimProcess

  async function at<T>(call: string, work: () => Promise<T>): Promise<T> {
    const dies = process.isDead ? undefined : decide(placeOf(call))
    if (dies === 'before') return await death()
    const answer = await work()
    return dies === 'after' ? await death() : answer
  }

  async function death(): Promise<never> {
    process.die()
    return await never()
  }

  const watchedQueues: MessageSource = {
    ...queues,
    send: (queue, body, options) => at(`send ${queue}`, () => queues.send(queue, body, options)),
    sendToAgent: (agentId, body) => at('send to an agent', () => queues.sendToAgent(agentId, body)),
    ensureAgentQueue: (agentId) => at('ensure queue', () => queues.ensureAgentQueue(agentId)),
    receive: (queue, options) => at('receive', () => queues.receive(queue, options)),
    remove: (queue, messages) => at('remove', () => queues.remove(queue, messages)),
    putBack: (queue, messages, ms) => at('put back', () => queues.putBack(queue, messages, ms)),
  }
  return {
    ...env,
    queues: watchedQueues,
    store: {
      get: (kind, ref) => at(`get ${kind}`, () => store.get(kind, ref)),
      getMany: (kind, refs) => at(`get ${kind}`, () => store.getMany(kind, refs)),
      load: (refs) => at(`load ${kindsOf(refs)}`, () => store.load(refs)),
      query: (partition, ref, options) =>
        at(`query ${partition}`, () => store.query(partition, ref, options)),
      commit: (changes, token) => at(`commit ${changesOf(changes)}`, () => store.commit(changes, token)),
    },
  }
}

function kindsOf(refs: readonly { readonly kind: string }[]): string {
  return [...new Set(refs.map(({ kind }) => kind))].sort().join(',')
}

/** Kinds that are written or removed; how many of each makes no other place. */
function changesOf(changes: readonly Change[]): string {
  const texts = changes.flatMap((change) => (change.do === 'check' ? [] : [`${change.do} ${change.kind}`]))
  return [...new Set(texts)].sort().join(',')
}
