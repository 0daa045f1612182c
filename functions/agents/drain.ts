// Draining agents: the fact is committed first; who meets a draining agent looks whether it is drained, and says so.
//
// `drainAgent` is for operators and for the cloud's notices alike; `finishDrain` for whoever comes by, the detector at
// each of its looks. Nobody waits in between: the agent ends its tasks by its own list.
import {
  type DrainAnswer,
  type DrainOrder,
  drainAgent as decide,
  drained,
  drainOffers,
  isEmptied,
} from '../../master/agents/drain.ts'
import { offeredTo } from '../../master/agents/offers.ts'
import { nothing } from '../../master/decision.ts'
import type { Framework, Ledger } from '../../master/model.ts'
import { all } from '../../store/store.ts'
import { contextOf } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'
import { finishHold } from '../scheduler/accept-in-pieces.ts'
import { transact } from '../transact.ts'
import { inParallel } from './in-parallel.ts'
import { endGone, loadAgent, lose } from './lifecycle.ts'
import { loadFrameworks } from './load.ts'

/** Writes a drain down and tells the agent; one that has nothing to end is drained at once. May be repeated. */
export async function drainAgent(env: Environment, agentId: string, order: DrainOrder): Promise<DrainAnswer> {
  const context = await contextOf(env)
  const answer = await transact(env, {
    name: 'drain agent',
    load: () => loadAgent(env, agentId),
    decide: (loaded) => decide(loaded, order, context),
  })
  if (answer === 'draining') await finishDrain(env, agentId)
  return answer
}

/** Looks at every draining agent of these; the detector's part of it. */
export async function finishDrains(env: Environment, ledgers: readonly Ledger[]): Promise<void> {
  const draining = ledgers.filter(({ drain, life }) => drain?.state === 'DRAINING' && life === 'active')
  await inParallel(draining, env.log, 'drain', ({ agentId }) => finishDrain(env, agentId))
}

/**
 * Ends a drain if all is over that it waits for: DRAINED, or gone if so asked. Whatever is not over yet is left for the
 * next look. Any number may do this at once, and die anywhere.
 */
export async function finishDrain(env: Environment, agentId: string): Promise<'waits' | 'over'> {
  const found = await env.store.get('ledger', { agentId })
  if (found?.drain?.state !== 'DRAINING' || found.life !== 'active') return 'over'
  if (Object.keys(found.offers).length > 0) while (await withdrawMore(env, agentId));
  for (const acceptId of Object.keys(found.holds)) await finishHold(env, { agentId, acceptId })
  const ledger = await env.store.get('ledger', { agentId })
  if (ledger?.drain === undefined || !isEmptied(ledger)) return 'waits'
  return ledger.drain.markGone ? await becomeGone(env, agentId) : await becomeDrained(env, ledger)
}

async function withdrawMore(env: Environment, agentId: string): Promise<boolean> {
  const context = await contextOf(env)
  return await transact(env, {
    name: 'offers of a drained agent',
    load: async () => {
      const ledger = await env.store.get('ledger', { agentId })
      return { ledger, frameworks: await loadFrameworks(env, ledger === undefined ? [] : offeredTo(ledger)) }
    },
    decide: ({ ledger, frameworks }) =>
      ledger === undefined ? nothing(false) : drainOffers(ledger, frameworks, context),
  })
}

/** With mark_gone custody is enough: who is to acknowledge can do so whatever became of the machine. */
async function becomeGone(env: Environment, agentId: string): Promise<'waits' | 'over'> {
  const isStill = (ledger: Ledger) => isEmptied(ledger) && ledger.drain?.markGone === true
  if ((await lose(env, agentId, 'gone', isStill)) === 'void') return 'waits'
  await endGone(env, agentId, 'The agent was drained and marked gone')
  return 'over'
}

async function becomeDrained(env: Environment, ledger: Ledger): Promise<'waits' | 'over'> {
  const { agentId, version } = ledger
  if (await isAwaited(env, agentId)) return 'waits'
  const isOver = await transact(env, {
    name: 'agent drained',
    load: () => env.store.get('ledger', { agentId }),
    decide: (now) => drained(now, version),
  })
  return isOver ? 'over' : 'waits'
}

interface Mailbox {
  readonly frameworkId: string
  readonly shard: number
}

/** Where an agent's drain was found waiting last, by agent: advice, per process. */
const foundIn = new WeakMap<Environment['store'], Map<string, Mailbox>>()

/** Mailboxes looked into at a time. */
const AT_ONCE = 16

/**
 * True while an update of the agent's tasks waits to be acknowledged: the head of each stands in the mailbox of its
 * framework until then. Mailboxes are nearly always empty; tasks would be many to read. A framework that never
 * acknowledges costs one look a tick: the mailbox that held the drain up last is looked into first.
 */
async function isAwaited(env: Environment, agentId: string): Promise<boolean> {
  const known = foundIn.get(env.store) ?? new Map<string, Mailbox>()
  foundIn.set(env.store, known)
  const last = known.get(agentId)
  if (last !== undefined && (await isStillThere(env, last)) && (await holdsUp(env, agentId, last)))
    return true
  known.delete(agentId)
  const frameworks = (await all(env.store, 'frameworks', {})).map(({ item }) => item)
  const mailboxes = frameworks.filter(({ state }) => state !== 'removed').flatMap(mailboxesOf)
  for (let start = 0; start < mailboxes.length; start += AT_ONCE) {
    const some = mailboxes.slice(start, start + AT_ONCE)
    const found = await Promise.all(some.map((mailbox) => holdsUp(env, agentId, mailbox)))
    const mailbox = some[found.indexOf(true)]
    if (mailbox === undefined) continue
    known.set(agentId, mailbox)
    return true
  }
  return false
}

/** Of a framework that was removed nothing is waited for. */
async function isStillThere(env: Environment, { frameworkId }: Mailbox): Promise<boolean> {
  const framework = await env.store.get('framework', { frameworkId })
  return framework !== undefined && framework.state !== 'removed'
}

async function holdsUp(env: Environment, agentId: string, mailbox: Mailbox): Promise<boolean> {
  const mail = await all(env.store, 'mail', mailbox)
  return mail.some(({ item: { body } }) => {
    return body.kind === 'update' && body.status.agent_id?.value === agentId
  })
}

function mailboxesOf({ frameworkId, shards }: Framework): readonly Mailbox[] {
  return Array.from({ length: shards }, (_, shard) => ({ frameworkId, shard }))
}
