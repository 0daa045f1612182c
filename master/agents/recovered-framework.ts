// A framework nobody knows any more, but an agent runs tasks of: it is made again as one that is disconnected.
import type { FrameworkInfo } from '../../protocol/messages.ts'
import { nextNumber } from '../../protocol/numbering.ts'
import type { Context } from '../context.ts'
import type { Framework } from '../model.ts'

/** A framework that was forgotten could not know that its time runs: it has at least Mesos's least re-register time. */
const RECOVERED_GRACE_MS = 10 * 60_000

/** The framework as its agent's FrameworkInfo describes it; its gates are to be raised next. */
export function recoveredFramework(
  frameworkId: string,
  info: FrameworkInfo,
  { now, newId, settings, cluster }: Context,
): Framework {
  return {
    version: 0,
    frameworkId,
    info: { ...info, id: { value: frameworkId } },
    principal: info.principal,
    epoch: nextNumber(0, cluster.timeline),
    streamId: newId(),
    state: 'disconnected',
    suppressedRoles: [],
    filterEpochs: {},
    gates: settings.gatesPerFramework,
    shards: settings.shardsPerFramework,
    registeredAt: now,
    disconnectedAt: now,
    removeAt: now + Math.max(RECOVERED_GRACE_MS, (info.failover_timeout ?? 0) * 1_000),
    openWork: 'gates',
  }
}
