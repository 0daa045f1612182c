// Work left open on an agent, driven piece by piece: whoever meets it may go on with it, from any point, any time.
//
// Agents that register, the detector and operators all come here. Each piece checks the ledger it was decided on, so
// two workers at once only make each other look again.
import {
  closeLosses,
  LOSSES_PER_TRANSACTION,
  loseExecutors,
  loseOffers,
  loseTasks,
} from '../../master/agents/lost.ts'
import { offeredTo } from '../../master/agents/offers.ts'
import { finishReturn } from '../../master/agents/return.ts'
import { isListed } from '../../master/agents/return-mark.ts'
import { settle, settleExecutors } from '../../master/agents/return-settle.ts'
import { RUNS_PER_PIECE } from '../../master/agents/work.ts'
import { nothing } from '../../master/decision.ts'
import type { Ledger, Run } from '../../master/model.ts'
import { isEmpty } from '../../protocol/resources.ts'
import { all } from '../../store/store.ts'
import { contextOf } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'
import { finishHold } from '../scheduler/accept-in-pieces.ts'
import { frameworkBell } from '../tell.ts'
import { transact } from '../transact.ts'
import { inParallel } from './in-parallel.ts'
import { entryRef, loadFrameworks, loadItems, loadPiece, present } from './load.ts'

/** Looks at an agent's list this often before it is left to the next one who comes. */
const MAX_LOOKS = 3

/** Finishes losses completely; agents without an open one are passed over. */
export async function finishLosses(env: Environment, agentIds: readonly string[]): Promise<void> {
  const ids = [...new Set(agentIds)]
  // In slices, so that of a whole zone the first are told while the last are still worked off (zone-of-3300).
  for (let start = 0; start < ids.length; start += LOSSES_PER_TRANSACTION) {
    const slice = ids.slice(start, start + LOSSES_PER_TRANSACTION)
    const worked = present(await inParallel(slice, env.log, 'loss', (agentId) => workOffLoss(env, agentId)))
    if (worked.length > 0) await close(env, worked)
  }
}

/** All pieces of one loss but the last; the ledger as it is then, or undefined when there is no loss to work off. */
export async function workOffLoss(env: Environment, agentId: string): Promise<Ledger | undefined> {
  const begun = await env.store.get('ledger', { agentId })
  if (begun?.openWork?.kind !== 'loss') return undefined
  while (Object.keys(begun.offers).length > 0 && (await loseMoreOffers(env, agentId)));
  const { runs, executors, holds } = await loadItems(env, agentId)
  const context = await contextOf(env)
  await inPieces(chargedFirst(runs), RUNS_PER_PIECE, async (names) =>
    transact(env, {
      name: 'tasks of a lost agent',
      load: () => loadPiece(env, agentId, names),
      decide: (piece) =>
        piece === undefined ? nothing(names.length) : done(loseTasks(piece, context), piece.runs, names),
    }),
  )
  for (let from = 0; from < executors.length; ) {
    const refs = executors.slice(from)
    from += await transact(env, {
      name: 'executors of a lost agent',
      load: async () => ({
        ledger: await env.store.get('ledger', { agentId }),
        stored: present(await env.store.getMany('executor', refs.map(nameOfExecutor))),
      }),
      decide: ({ ledger, stored }) => {
        if (ledger === undefined || stored.length === 0) return nothing(refs.length)
        const decision = loseExecutors(ledger, stored)
        return { ...decision, answer: decision.answer === stored.length ? refs.length : decision.answer }
      },
    })
  }
  for (const hold of holds) await finishHold(env, hold)
  const ledger = await env.store.get('ledger', { agentId })
  return ledger?.openWork?.kind === 'loss' && ledger.lossNumber === begun.lossNumber ? ledger : undefined
}

/** What is left to do comes first: else workers that die early would all go over what is done and get no further. */
function chargedFirst(runs: readonly Run[]): readonly Run[] {
  return [
    ...runs.filter(({ charged }) => !isEmpty(charged)),
    ...runs.filter(({ charged }) => isEmpty(charged)),
  ]
}

function nameOfExecutor(executor: { agentId: string; frameworkId: string; executorId: string }) {
  const { agentId, frameworkId, executorId } = executor
  return { agentId, frameworkId, executorId }
}

async function loseMoreOffers(env: Environment, agentId: string): Promise<boolean> {
  const context = await contextOf(env)
  return await transact(env, {
    name: 'offers of a lost agent',
    load: async () => {
      const ledger = await env.store.get('ledger', { agentId })
      return { ledger, frameworks: await loadFrameworks(env, ledger === undefined ? [] : offeredTo(ledger)) }
    },
    decide: ({ ledger, frameworks }) =>
      ledger === undefined ? nothing(false) : loseOffers(ledger, frameworks, context),
  })
}

/** Appends agents to LOSSES, provided that nothing about their losses has changed since they were worked off. */
async function close(env: Environment, worked: readonly Ledger[]): Promise<void> {
  const numbers = new Map(worked.map(({ agentId, lossNumber }) => [agentId, lossNumber]))
  const context = await contextOf(env)
  const closed = await transact(env, {
    name: 'close losses',
    load: async () => {
      const [head, ledgers] = await Promise.all([
        env.store.get('lossHead', {}),
        env.store.getMany(
          'ledger',
          worked.map(({ agentId }) => ({ agentId })),
        ),
      ])
      return { head, ledgers: present(ledgers).filter((one) => numbers.get(one.agentId) === one.lossNumber) }
    },
    decide: ({ head, ledgers }) => closeLosses(ledgers, head, context),
  })
  if (closed.length === 0) return
  env.log.warn('agents lost', { agents: closed })
  // Every framework hears of it, also one that had no task there (F6).
  for (const { item } of await all(env.store, 'frameworks', {}))
    env.bells.ring(frameworkBell(item.frameworkId))
}

/**
 * Settles what the list of a returning agent left out, and ends the return. True when nothing is open any more; false
 * when pages are still missing, or when the agent's items were in motion: come again.
 */
export async function finishReturnOf(env: Environment, agentId: string): Promise<boolean> {
  for (let look = 0; look < MAX_LOOKS; look++) {
    const ledger = await env.store.get('ledger', { agentId })
    if (ledger?.openWork?.kind !== 'return') return true
    if (!isListed(ledger)) return false
    await settleRuns(env, agentId)
    await settleExecutorsOf(env, agentId)
    const context = await contextOf(env)
    const answer = await transact(env, {
      name: 'finish return',
      load: async () => {
        const now = await env.store.get('ledger', { agentId })
        if (now === undefined) return undefined
        const [entry, items] = await Promise.all([
          env.store.get('agent', entryRef(now)),
          loadItems(env, agentId),
        ])
        return { ledger: now, entry, ...items }
      },
      decide: (loaded) =>
        loaded === undefined ? nothing('finished' as const) : finishReturn(loaded, context),
    })
    if (answer === 'finished') return true
  }
  return false
}

async function settleRuns(env: Environment, agentId: string): Promise<void> {
  const { runs } = await loadItems(env, agentId)
  const context = await contextOf(env)
  await inPieces(runs, RUNS_PER_PIECE, async (names) =>
    transact(env, {
      name: 'settle launches',
      load: () => loadPiece(env, agentId, names),
      decide: (piece) =>
        piece === undefined ? nothing(names.length) : done(settle(piece, context), piece.runs, names),
    }),
  )
}

async function settleExecutorsOf(env: Environment, agentId: string): Promise<void> {
  const context = await contextOf(env)
  let left = 1
  while (left > 0) {
    left = await transact(env, {
      name: 'settle executors',
      load: async () => {
        const ledger = await env.store.get('ledger', { agentId })
        if (ledger === undefined) return undefined
        const { runs, executors } = await loadItems(env, agentId)
        const ids = executors.map(({ frameworkId }) => frameworkId)
        return { ledger, runs, executors, frameworks: await loadFrameworks(env, ids) }
      },
      decide: (loaded) => (loaded === undefined ? nothing(0) : settleExecutors(loaded, context)),
    })
  }
}

/** RUN items that are gone by now count as done. */
function done<D extends { readonly answer: number }>(
  decision: D,
  runs: readonly Run[],
  names: readonly unknown[],
): D & { answer: number } {
  return { ...decision, answer: decision.answer === runs.length ? names.length : decision.answer }
}

async function inPieces<T>(
  list: readonly T[],
  size: number,
  work: (piece: readonly T[]) => Promise<number>,
): Promise<void> {
  for (let from = 0; from < list.length; ) from += await work(list.slice(from, from + size))
}
