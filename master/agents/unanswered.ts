// Launches that nobody answered by their deadline become kills: the agent then says what became of them.
import { nextNumber } from '../../protocol/numbering.ts'
import type { Context } from '../context.ts'
import { type Change, type Decision, nothing } from '../decision.ts'
import type { Ledger, Run } from '../model.ts'
import { tellChanges } from '../nudges.ts'
import { Gathered, type Piece, taskOfRun } from './work.ts'

/** True if a launch is overdue, as far as its RUN item tells; whether it was answered, its task says. */
export function isOverdue(run: Run, now: number): boolean {
  return run.wanted === 'run' && run.answerBy <= now
}

/** One piece. The control plane alone never concludes that a launch failed: it asks for the end. */
export function stopUnanswered(piece: Piece, context: Context): Decision<number> {
  const { ledger } = piece
  if (ledger.life !== 'active' || ledger.openWork !== undefined) return nothing(0)
  const gathered = new Gathered(1)
  const stopped: Run[] = []
  for (const run of piece.runs) {
    const task = taskOfRun(run, piece)
    const isSilent = task !== undefined && task.lastUpdate === 0 && task.mesos.state === 'TASK_STAGING'
    if (!isOverdue(run, context.now) || !isSilent) continue
    const item: Run = { ...run, wanted: 'stop', kills: run.kills + 1 }
    if (!gathered.add([{ do: 'put', kind: 'run', item, when: { name: 'unchanged' } }])) break
    stopped.push(item)
  }
  if (stopped.length === 0) return nothing(0)
  const generation = nextNumber(ledger.generation, context.cluster.timeline)
  const next: Ledger = { ...ledger, generation }
  const put: Change = { do: 'put', kind: 'ledger', item: next, when: { name: 'unchanged' } }
  return {
    changes: [put, ...gathered.changes],
    tell: tellChanges(next, { runs: stopped }),
    answer: stopped.length,
  }
}
