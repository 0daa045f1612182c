// A return: an agent's list is taken over, page by page; what it left out is settled; then the agent is as before.
//
//   pages    return-list.ts      listed tasks live again (a word each if they were lost), charged as the agent says
//   settle   return-settle.ts    launches of older incarnations that are not listed end: DROPPED, or GONE if they ran
//   finish   here                sums are counted from the items, the agent may be offered again
//
// A page marks what it listed, so that anybody can go on from any point; the mark names this return and no other.
import type { RegisterCall } from '../../protocol/agent-messages.ts'
import { digestOf } from '../../protocol/digest.ts'
import { nextNumber } from '../../protocol/numbering.ts'
import { add, isEmpty, unallocate } from '../../protocol/resources.ts'
import type { Context } from '../context.ts'
import { type Change, type Decision, nothing } from '../decision.ts'
import type { AgentEntry, Executor, Ledger, Resources, Run } from '../model.ts'
import { putLedger } from './puts.ts'
import { isListed } from './return-mark.ts'
import { isSettled, unlisted } from './return-settle.ts'
import { withoutOpenWork } from './work.ts'

/** A page is done: the next one may come. */
export function pageTaken(ledger: Ledger, page: number): Decision<boolean> {
  const work = ledger.openWork
  if (work?.kind !== 'return' || work.pagesTaken !== page) return nothing(false)
  const item: Ledger = { ...ledger, openWork: { ...work, pagesTaken: page + 1 } }
  return { changes: [putLedger(item)], tell: [], answer: true }
}

/**
 * The end of a return: the sums are counted from what is there. All RUN and executor items of the agent are given;
 * if they are not all (their digest is not the ledger's), or some are not settled yet, nothing is decided.
 */
export function finishReturn(
  loaded: {
    readonly ledger: Ledger
    readonly entry: AgentEntry | undefined
    readonly runs: readonly Run[]
    readonly executors: readonly Executor[]
  },
  context: Context,
): Decision<'finished' | 'look again'> {
  const { ledger, entry, runs, executors } = loaded
  if (!isListed(ledger)) return nothing('finished')
  const isWhole =
    digestOf(runs) === ledger.digest &&
    runs.every((run) => isSettled(run, ledger)) &&
    unlisted(ledger, runs, executors).length === 0
  if (!isWhole) return nothing('look again')
  const { unreachableSince: _, lostAt: __, ...bare } = withoutOpenWork(ledger)
  const item: Ledger = {
    ...bare,
    life: 'active',
    sums: sumsOf([...runs, ...executors]),
    generation: nextNumber(ledger.generation, context.cluster.timeline),
  }
  const changes: Change[] = [putLedger(item)]
  if (entry !== undefined) {
    changes.push({
      do: 'put',
      kind: 'agent',
      item: { ...entry, life: 'active' },
      when: { name: 'unchanged' },
    })
  }
  return { changes, tell: [{ tell: 'allocator' }], answer: 'finished' }
}

function sumsOf(items: readonly (Run | Executor)[]): Ledger['sums'] {
  const sums = new Map<string, Map<string, Resources>>()
  for (const { frameworkId, role, charged } of items) {
    if (isEmpty(charged)) continue
    const roles = sums.get(frameworkId) ?? new Map<string, Resources>()
    sums.set(frameworkId, roles.set(role, add(roles.get(role) ?? [], unallocate(charged))))
  }
  return Object.fromEntries([...sums].map(([id, roles]) => [id, Object.fromEntries(roles)]))
}

/** Frameworks of a call's tasks and executors. */
export function frameworksOf(call: RegisterCall): readonly string[] {
  return [...new Set([...call.tasks, ...call.executors].map(({ frameworkId }) => frameworkId))]
}
