// What others left half done on agents: expired offers, holds, losses, returns, launches nobody answered.
import { offeredTo, withdraw } from '../../master/agents/offers.ts'
import { isListed } from '../../master/agents/return-mark.ts'
import { isOverdue, stopUnanswered } from '../../master/agents/unanswered.ts'
import { RUNS_PER_PIECE } from '../../master/agents/work.ts'
import { voidOffers } from '../../master/allocator/void-offers.ts'
import { type Decision, nothing } from '../../master/decision.ts'
import type { Ledger, Tick } from '../../master/model.ts'
import { EMPTY_DIGEST } from '../../protocol/digest.ts'
import { inParallel } from '../agents/in-parallel.ts'
import { loadFrameworks, loadItems, loadPiece } from '../agents/load.ts'
import { finishLosses, finishReturnOf } from '../agents/open-work.ts'
import { contextOf } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'
import { finishHold } from '../scheduler/accept-in-pieces.ts'
import { transact } from '../transact.ts'
import type { Sight } from './sight.ts'

/** Deadlines of launches are minutes away: each agent's RUN items are looked through this often. */
const LAUNCHES_ROUND_MS = 60_000

/** Offers that are over are taken back, and what they held is offered anew (F74). */
export async function expireOffers(env: Environment, tick: Tick, { ledgers }: Sight): Promise<void> {
  const due = ledgers.filter(({ offers }) =>
    Object.values(offers).some(({ expiresAt }) => expiresAt <= tick.at),
  )
  await inParallel(due, env.log, 'expired offers', ({ agentId }) => withdrawExpired(env, agentId))
}

async function withdrawExpired(env: Environment, agentId: string): Promise<void> {
  const context = await contextOf(env)
  await transact(env, {
    name: 'expired offers',
    load: async () => {
      const ledger = await env.store.get('ledger', { agentId })
      return { ledger, frameworks: await loadFrameworks(env, ledger === undefined ? [] : offeredTo(ledger)) }
    },
    decide: ({ ledger, frameworks }): Decision<undefined> => {
      if (ledger === undefined) return nothing(undefined)
      const over = voidOffers(ledger, frameworks, context.now).map(({ offerId }) => offerId)
      if (over.length === 0) return nothing(undefined)
      const { ledger: item, mail, tell } = withdraw(ledger, frameworks, context, over)
      return {
        changes: [{ do: 'put', kind: 'ledger', item, when: { name: 'unchanged' } }, ...mail],
        tell: [...tell, { tell: 'allocator' }],
        answer: undefined,
      }
    },
  })
}

/** Losses and returns whose worker died, and holds whose ACCEPT did not come to its end. */
export async function finishOpenWorkOfAgents(
  env: Environment,
  tick: Tick,
  { ledgers }: Sight,
): Promise<void> {
  await finishLosses(
    env,
    ledgers.filter(({ openWork }) => openWork?.kind === 'loss').map(({ agentId }) => agentId),
  )
  await inParallel(ledgers.filter(isListed), env.log, 'return', ({ agentId }) => finishReturnOf(env, agentId))
  const holds = ledgers.flatMap((ledger) =>
    Object.entries(ledger.holds)
      .filter(([, { expiresAt }]) => expiresAt <= tick.at || ledger.life !== 'active')
      .map(([acceptId]) => ({ agentId: ledger.agentId, acceptId })),
  )
  await inParallel(holds, env.log, 'end of a hold', (hold) => finishHold(env, hold))
}

/** Launches that nobody answered by their deadline are to be stopped. */
export async function stopUnansweredLaunches(
  env: Environment,
  tick: Tick,
  { ledgers, isTurnOf }: Sight,
): Promise<void> {
  const due = ledgers.filter(
    ({ agentId, digest, life }) =>
      life === 'active' && digest !== EMPTY_DIGEST && isTurnOf(agentId, LAUNCHES_ROUND_MS),
  )
  await inParallel(due, env.log, 'unanswered launches', (ledger) => stopOn(env, ledger, tick.at))
}

async function stopOn(env: Environment, { agentId }: Ledger, now: number): Promise<void> {
  const { runs } = await loadItems(env, agentId)
  const overdue = runs.filter((run) => isOverdue(run, now))
  const context = await contextOf(env)
  for (let from = 0; from < overdue.length; from += RUNS_PER_PIECE) {
    const names = overdue.slice(from, from + RUNS_PER_PIECE)
    await transact(env, {
      name: 'unanswered launches',
      load: () => loadPiece(env, agentId, names),
      decide: (piece) => (piece === undefined ? nothing(0) : stopUnanswered(piece, context)),
    })
  }
}
