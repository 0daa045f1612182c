// UPDATE_FRAMEWORK: one write of the framework item; then the offers of roles it left are withdrawn, agent by agent.
import assert from 'node:assert'
import type { CallAnswer } from '../../master/calls/answer.ts'
import {
  updateFramework as decide,
  type UpdateFrameworkAnswer,
  withdrawOffers,
} from '../../master/calls/update-framework.ts'
import { nothing } from '../../master/decision.ts'
import type { Framework } from '../../master/model.ts'
import { contextOf } from '../cluster-time.ts'
import { transact } from '../transact.ts'
import { type Admitted, judged } from './admitted.ts'
import type { Calling } from './calls.ts'
import { everyLedger } from './ledgers.ts'
import { loadFramework } from './loads.ts'

/** Offers in roles that were left are no offers from the write on (`stands`); the RESCINDs only say so. */
export async function updateFramework(calling: Calling): Promise<Admitted> {
  const { env, frameworkId, caller, call } = calling
  const body = call.update_framework
  assert(body !== undefined, 'call-level validation asks for the body of a call')
  const context = { ...(await contextOf(env)), principal: caller.principal }
  const { answer, epoch } = await transact(env, {
    name: 'UPDATE_FRAMEWORK',
    load: () => loadFramework(env, frameworkId),
    decide: judged<{ readonly framework: Framework }, UpdateFrameworkAnswer>(caller, (loaded) =>
      decide(loaded, body, context),
    ),
  })
  if (isUpdated(answer) && answer.droppedRoles.length > 0) await withdrawAll(calling, answer.droppedRoles)
  return { answer: { status: answer.status, text: answer.text }, epoch }
}

function isUpdated(answer: CallAnswer | UpdateFrameworkAnswer): answer is UpdateFrameworkAnswer {
  return 'droppedRoles' in answer
}

async function withdrawAll({ env, frameworkId }: Calling, droppedRoles: readonly string[]): Promise<void> {
  const context = await contextOf(env)
  for await (const seen of everyLedger(env)) {
    if (!Object.values(seen.offers).some((offer) => offer.frameworkId === frameworkId)) continue
    const { agentId } = seen
    await transact(env, {
      name: 'withdraw offers',
      load: () =>
        env.store.load([
          { kind: 'framework', ref: { frameworkId } },
          { kind: 'ledger', ref: { agentId } },
        ]),
      decide: ([framework, ledger]) =>
        framework === undefined || ledger === undefined
          ? nothing('none' as const)
          : withdrawOffers({ framework, ledger }, droppedRoles, context),
    })
  }
}
