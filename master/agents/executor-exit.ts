// What executors send up besides their tasks' updates: that they ended, and messages for their schedulers.
import type { ExecutorExit, ExecutorMessage } from '../../protocol/agent-messages.ts'
import { release } from '../accounting.ts'
import type { Context } from '../context.ts'
import { type Change, type Decision, nothing } from '../decision.ts'
import { MAX_MESSAGE_BYTES } from '../limits.ts'
import { noticeMail } from '../mail.ts'
import type { Executor, Framework, Ledger } from '../model.ts'
import { Gathered } from './work.ts'

export interface ExecutorsLoaded {
  readonly ledger: Ledger
  /** By `executorKey`; missing: it was reported before, and said once. */
  readonly executors: ReadonlyMap<string, Executor>
  readonly frameworks: ReadonlyMap<string, Framework>
}

export function executorKey(executor: { readonly frameworkId: string; readonly executorId: string }): string {
  return `${executor.frameworkId}/${executor.executorId}`
}

/**
 * Executors ended: their items go, what they were charged is free, their frameworks hear FAILURE (F84). An exit that
 * is repeated finds no item, or one that a later launch began, and says nothing. A launch under way to an executor that
 * ends here names the launch that began it, and the agent drops it. The answer: how many exits are done with.
 */
export function takeExits(
  loaded: ExecutorsLoaded,
  exits: readonly ExecutorExit[],
  context: Context,
): Decision<number> {
  const gathered = new Gathered(1)
  const seen = new Set<string>()
  let ledger = loaded.ledger
  let done = 0
  for (const exit of exits) {
    const executor = loaded.executors.get(executorKey(exit))
    const owner = loaded.frameworks.get(exit.frameworkId)
    if (executor !== undefined && isOf(exit, executor) && !seen.has(executorKey(exit))) {
      seen.add(executorKey(exit))
      const remove: Change = { do: 'remove', kind: 'executor', item: executor, when: { name: 'unchanged' } }
      const isHeard = owner !== undefined && owner.state !== 'removed'
      const failure = isHeard ? [executorFailure(executor, owner, exit.status, context)] : []
      if (!gathered.add([remove, ...failure], exit.frameworkId)) break
      ledger = release(ledger, executor, executor.charged)
    }
    done++
  }
  if (gathered.changes.length === 0) return nothing(done)
  const put: Change = { do: 'put', kind: 'ledger', item: ledger, when: { name: 'unchanged' } }
  return {
    changes: [put, ...gathered.changes],
    tell: [...gathered.tell, { tell: 'allocator' }],
    answer: done,
  }
}

/** Earlier releases, here or on the agent, do not say which executor of an id they mean. */
function isOf(exit: ExecutorExit, executor: Executor): boolean {
  const ended = exit.executorGeneration ?? executor.executorGeneration
  return ended === undefined || ended >= (executor.executorGeneration ?? 0)
}

/** FAILURE of an executor, kept also for a framework that is away (R3 lists what is not). */
export function executorFailure(
  executor: Executor,
  owner: Framework,
  status: number,
  context: Context,
): Change {
  return noticeMail(
    owner,
    {
      type: 'FAILURE',
      failure: {
        agent_id: { value: executor.agentId },
        executor_id: { value: executor.executorId },
        status,
      },
    },
    context,
    'any session',
  )
}

/**
 * Messages of executors: best effort, for the present session only (C57, C105); what is too large for an item is none.
 * The answer: how many are done with.
 */
export function passMessages(
  agentId: string,
  frameworks: ReadonlyMap<string, Framework>,
  messages: readonly ExecutorMessage[],
  context: Context,
): Decision<number> {
  const gathered = new Gathered(0)
  let done = 0
  for (const { frameworkId, executorId, data } of messages) {
    const owner = frameworks.get(frameworkId)
    const agent_id = { value: agentId }
    const message = { agent_id, executor_id: { value: executorId }, data }
    const isPassed = owner?.state === 'connected' && data.length <= MAX_MESSAGE_BYTES
    const mail = isPassed ? [noticeMail(owner, { type: 'MESSAGE', message }, context)] : []
    if (!gathered.add(mail, frameworkId)) break
    done++
  }
  return { changes: gathered.changes, tell: gathered.tell, answer: done }
}
