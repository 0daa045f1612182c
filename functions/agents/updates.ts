// UPDATES: what happened to tasks and executors goes into custody; after the answer the machine may burn.
import { executorKey, passMessages, takeExits } from '../../master/agents/executor-exit.ts'
import { takeUpdates } from '../../master/agents/status-update.ts'
import { taskKey } from '../../master/agents/work.ts'
import { type Decision, nothing } from '../../master/decision.ts'
import type { Ledger } from '../../master/model.ts'
import type { UpdateResult, UpdatesAnswer, UpdatesCall } from '../../protocol/agent-messages.ts'
import { contextOf } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'
import { ledgerLane } from '../lanes.ts'
import { loadTogether } from '../load-together.ts'
import { transact } from '../transact.ts'
import { loadAboutTasks, loadFrameworks, present } from './load.ts'
import { passOnAsBeat, type Refusal, refusal } from './standing.ts'

type Taken =
  | Refusal
  | { readonly kind: 'taken'; readonly results: readonly UpdateResult[]; readonly ledger: Ledger }

export async function takeCallUpdates(env: Environment, call: UpdatesCall): Promise<UpdatesAnswer> {
  const taken = await take(env, call)
  if (taken.kind !== 'taken') return taken
  const { results, ledger } = taken
  await passOnAsBeat(env, ledger)
  await takeAllExits(env, call)
  await passAllMessages(env, call)
  return { kind: 'answered', results, generation: ledger.generation }
}

async function take(env: Environment, call: UpdatesCall): Promise<Taken> {
  const context = await contextOf(env)
  return await transact(env, {
    name: 'take updates',
    lane: ledgerLane(call.agentId),
    load: () => load(env, call),
    decide: (loaded): Decision<Taken> => {
      const refused = refusal(loaded.ledger, call, context.cluster.timeline)
      const { ledger } = loaded
      if (refused !== undefined || ledger === undefined) return nothing(refused ?? { kind: 'register-again' })
      const decision = takeUpdates({ ...loaded, ledger }, call.updates, context)
      return { ...decision, answer: { kind: 'taken', results: decision.answer, ledger } }
    },
  })
}

async function load(env: Environment, { agentId, updates }: UpdatesCall) {
  const { runs, ...others } = await loadAboutTasks(env, agentId, updates)
  return { ...others, runs: new Map(runs.map((run) => [taskKey(run), run])) }
}

async function takeAllExits(env: Environment, { agentId, incarnation, exits }: UpdatesCall): Promise<void> {
  const context = await contextOf(env)
  for (let from = 0; from < exits.length; ) {
    const some = exits.slice(from, from + EXITS_PER_TRANSACTION)
    from += await transact(env, {
      name: 'take exits',
      lane: ledgerLane(agentId),
      load: async () => {
        const ids = [...new Set(some.map(({ frameworkId }) => frameworkId))]
        const { ledger, executor, framework } = await loadTogether(env.store, {
          ledger: [{ agentId }],
          executor: some.map(({ frameworkId, executorId }) => ({ agentId, frameworkId, executorId })),
          framework: ids.map((frameworkId) => ({ frameworkId })),
        })
        return {
          ledger: ledger[0],
          executors: new Map(present(executor).map((one) => [executorKey(one), one])),
          frameworks: new Map(present(framework).map((one) => [one.frameworkId, one])),
        }
      },
      decide: ({ ledger, ...loaded }) =>
        ledger === undefined ||
        refusal(ledger, { agentId, incarnation }, context.cluster.timeline) !== undefined
          ? nothing(some.length)
          : takeExits({ ledger: ledger satisfies Ledger, ...loaded }, some, context),
    })
  }
}

const EXITS_PER_TRANSACTION = 45

async function passAllMessages(env: Environment, { agentId, messages }: UpdatesCall): Promise<void> {
  if (messages.length === 0) return
  const frameworks = await loadFrameworks(
    env,
    messages.map(({ frameworkId }) => frameworkId),
  )
  const context = await contextOf(env)
  for (let from = 0; from < messages.length; ) {
    const some = messages.slice(from, from + MESSAGES_PER_TRANSACTION)
    from += await transact(env, {
      name: 'pass messages',
      load: async () => frameworks,
      decide: (loaded) => passMessages(agentId, loaded, some, context),
    })
  }
}

const MESSAGES_PER_TRANSACTION = 90
