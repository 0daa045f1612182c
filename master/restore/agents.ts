// An agent of a restored table: its ledger is counted anew from its RUN items, each RUN item from its task.
//
// Nothing is offered until the agent has registered and its own list was taken over, which then counts.
import { digestOf } from '../../protocol/digest.ts'
import { nextNumber, timelineOf } from '../../protocol/numbering.ts'
import { add, contains, isEmpty, unallocate } from '../../protocol/resources.ts'
import { type Piece, taskOfRun } from '../agents/work.ts'
import type { Context } from '../context.ts'
import { type Change, type Decision, nothing } from '../decision.ts'
import { MAX_ITEMS_PER_STEP } from '../limits.ts'
import type { AgentEntry, Executor, Hold, Ledger, LedgerHold, Resources, Run } from '../model.ts'
import { isTerminal } from '../task-state.ts'

export interface RestoredAgent extends Piece {
  readonly entry: AgentEntry | undefined
  readonly executors: readonly Executor[]
  readonly holds: readonly Hold[]
  /** About when the table was as it is. */
  readonly asOf: number
}

/** What was committed so long before a table's moment is there as a whole. */
const TORN_MS = 60_000

/** One piece; the answer: whether there is more. All RUN and executor items of the agent are given. */
export function recount(loaded: RestoredAgent, context: Context): Decision<boolean> {
  const { ledger, entry } = loaded
  const { timeline } = context.cluster
  if (timelineOf(ledger.generation) >= timeline) return nothing(false)
  const kept = loaded.runs.filter((run) => isKept(run, loaded))
  const counted = countedRuns(kept, loaded)
  const changes = changesOfRuns(loaded.runs, counted)
  if (changes.length > 0) {
    const check: Change = { do: 'check', kind: 'ledger', item: ledger, when: { name: 'unchanged' } }
    return { changes: [check, ...changes.slice(0, MAX_ITEMS_PER_STEP)], tell: [], answer: true }
  }
  const { openWork: _, ...bare } = ledger
  const isHere = ledger.life === 'active' || ledger.life === 'returning'
  const life = isHere ? 'returning' : ledger.life
  const item: Ledger = {
    ...bare,
    life,
    // What a loss has still to tell is told; a return begins anew with the agent's list.
    ...lossOf(ledger, loaded.asOf),
    generation: nextNumber(ledger.generation, timeline),
    offers: {},
    holds: holdsOf(loaded),
    refusals: [],
    sums: isHere ? sumsOf([...counted, ...loaded.executors], ledger.total) : {},
    digest: digestOf(counted),
    heardAt: Math.max(ledger.heardAt, context.now),
  }
  const ofEntry: Change[] =
    entry === undefined || entry.life === life
      ? []
      : [{ do: 'put', kind: 'agent', item: { ...entry, life }, when: { name: 'unchanged' } }]
  return {
    changes: [{ do: 'put', kind: 'ledger', item, when: { name: 'unchanged' } }, ...ofEntry],
    tell: [],
    answer: false,
  }
}

/** One that was closed just then is closed again: its place in LOSSES may be missing. Twice told is better than never. */
function lossOf(ledger: Ledger, asOf: number): Pick<Ledger, 'openWork'> {
  const { life, openWork, lossNumber, lostAt = 0 } = ledger
  if (openWork?.kind === 'loss') return { openWork }
  if (life === 'active' || life === 'returning' || lostAt < asOf - TORN_MS) return {}
  return { openWork: { kind: 'loss', lossNumber, why: life, at: lostAt } }
}

/** An index entry whose agent the table does not know: it registers as one that was forgotten. */
export function strayEntry(entry: AgentEntry): Change {
  return { do: 'remove', kind: 'agent', item: entry, when: { name: 'unchanged' } }
}

/** Wanted state of a task that is over, or of another launch, is wanted by nobody; a removed framework's still ends. */
function isKept(run: Run, loaded: RestoredAgent): boolean {
  const owner = loaded.frameworks.get(run.frameworkId)
  if (owner === undefined || owner.state === 'removed') return true
  const task = taskOfRun(run, loaded)
  if (task === undefined || task.standing === 'finished') return false
  return !task.custody.some(({ status }) => isTerminal(status.state))
}

function countedRuns(runs: readonly Run[], loaded: RestoredAgent): readonly Run[] {
  const isHere = loaded.ledger.life === 'active' || loaded.ledger.life === 'returning'
  return runs.map((run) => {
    const task = taskOfRun(run, loaded)
    if (task === undefined && isHere) return run
    const isCharged = isHere && task !== undefined && !isTerminal(task.mesos.state)
    const charged = isCharged ? unallocate(task.mesos.resources ?? []) : []
    return isSame(charged, run.charged) ? run : { ...run, charged }
  })
}

function changesOfRuns(before: readonly Run[], after: readonly Run[]): Change[] {
  const byKey = new Map(after.map((run) => [keyOf(run), run]))
  return before.flatMap((run): Change[] => {
    const now = byKey.get(keyOf(run))
    if (now === run) return []
    if (now === undefined) return [{ do: 'remove', kind: 'run', item: run, when: { name: 'unchanged' } }]
    return [{ do: 'put', kind: 'run', item: now, when: { name: 'unchanged' } }]
  })
}

function keyOf({ frameworkId, taskId }: Run): string {
  return `${frameworkId}/${taskId}`
}

function isSame(a: Resources, b: Resources): boolean {
  const [left, right] = [unallocate(a), unallocate(b)]
  return contains(left, right) && contains(right, left)
}

/** What an ACCEPT in pieces held is free; the HOLD items say what was not made. */
function holdsOf({ holds }: RestoredAgent): Ledger['holds'] {
  return Object.fromEntries(
    holds.map(({ acceptId, frameworkId }): [string, LedgerHold] => [
      acceptId,
      { frameworkId, role: '*', resources: [], expiresAt: 0 },
    ]),
  )
}

/** Never more than there is: what the table holds twice of a torn moment, the agent has once. */
function sumsOf(items: readonly (Run | Executor)[], total: Resources): Ledger['sums'] {
  const sums = new Map<string, Map<string, Resources>>()
  let used: Resources = []
  for (const { frameworkId, role, charged } of items) {
    const amount = unallocate(charged)
    const all = add(used, amount)
    if (isEmpty(amount) || !contains(total, all)) continue
    used = all
    const roles = sums.get(frameworkId) ?? new Map<string, Resources>()
    sums.set(frameworkId, roles.set(role, add(roles.get(role) ?? [], amount)))
  }
  return Object.fromEntries([...sums].map(([id, roles]) => [id, Object.fromEntries(roles)]))
}
