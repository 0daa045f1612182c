// The calls about operations: none is built yet, so none is known (R5).
import type {
  SchedulerCallAcknowledgeOperationStatus,
  SchedulerCallReconcileOperations,
} from '../../protocol/messages.ts'
import type { Context } from '../context.ts'
import { type Decision, nothing } from '../decision.ts'
import { gateCheck } from '../frameworks/gates.ts'
import { MAX_WORDS_PER_STEP } from '../limits.ts'
import type { Framework } from '../model.ts'
import { operationMail } from './accept-refuse.ts'
import { ACCEPTED, type CallAnswer } from './answer.ts'

/** ACKNOWLEDGE_OPERATION_STATUS of an operation that is not known is silent. */
export function acknowledgeOperationStatus(
  _loaded: { readonly framework: Framework },
  _call: SchedulerCallAcknowledgeOperationStatus,
  _context: Context,
): Decision<CallAnswer> {
  return nothing(ACCEPTED)
}

/** A call cut so that each part fits one transaction; one about all operations is one part. */
export function reconcileOperationsParts({
  operations = [],
}: SchedulerCallReconcileOperations): readonly SchedulerCallReconcileOperations[] {
  const parts: SchedulerCallReconcileOperations[] = []
  for (let from = 0; from < operations.length; from += MAX_WORDS_PER_STEP) {
    parts.push({ operations: operations.slice(from, from + MAX_WORDS_PER_STEP) })
  }
  return parts.length > 0 ? parts : [{}]
}

/** RECONCILE_OPERATIONS: an event without uuid for each operation asked for (C115); asked for all, there are none. */
export function reconcileOperations(
  { framework }: { readonly framework: Framework },
  { operations = [] }: SchedulerCallReconcileOperations,
  context: Context,
): Decision<CallAnswer> {
  if (operations.length === 0) return nothing(ACCEPTED)
  const statuses = operations.map(({ operation_id, agent_id, resource_provider_id }) => ({
    operation_id,
    state: 'OPERATION_UNKNOWN' as const,
    message: 'Reconciliation: Operation is unknown',
    ...(agent_id === undefined ? {} : { agent_id }),
    ...(resource_provider_id === undefined ? {} : { resource_provider_id }),
  }))
  return {
    changes: [
      gateCheck(framework, framework.frameworkId),
      ...statuses.map((status) => operationMail(framework, status, context)),
    ],
    tell: [{ tell: 'framework', frameworkId: framework.frameworkId }],
    answer: ACCEPTED,
  }
}
