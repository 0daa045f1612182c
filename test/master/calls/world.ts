// A framework, an agent with offers, and tasks for tests of calls; applying a decision as the store would.
import { expect } from 'vitest'
import { free, unsound } from '../../../master/accounting.ts'
import type { AcceptLoaded } from '../../../master/calls/accept-offers.ts'
import type { Context } from '../../../master/context.ts'
import type { Change, Decision } from '../../../master/decision.ts'
import type {
  AgentEntry,
  Framework,
  Ledger,
  LedgerOffer,
  MailBody,
  Resources,
  Run,
  Task,
} from '../../../master/model.ts'
import { newOfferId } from '../../../master/offers.ts'
import { localSettings } from '../../../master/settings.ts'
import { EMPTY_DIGEST } from '../../../protocol/digest.ts'
import type {
  ExecutorInfo,
  FrameworkInfo,
  FrameworkInfoCapabilityType,
  OfferOperation,
  Resource,
  SchedulerCallAccept,
  TaskInfo,
  TaskStatus,
} from '../../../protocol/messages.ts'
import { firstOf } from '../../../protocol/numbering.ts'

export const NOW = 1_700_000_000_000
export const CLUSTER = 'c0'
export const AGENT = `${CLUSTER}-S1`
export const EPOCH = firstOf(1) + 1

/** Fresh ids in order; a context of its own per test keeps them small. */
export function newContext(now = NOW): Context {
  let ids = 0
  return {
    now,
    newId: () => `id${ids++}`,
    settings: localSettings('fast'),
    cluster: { id: CLUSTER, timeline: 1 },
  }
}

export function scalar(name: string, value: number, more: Partial<Resource> = {}): Resource {
  return { name, type: 'SCALAR', scalar: { value }, ...more }
}

export function cpusMem(cpus: number, mem: number): Resources {
  return [scalar('cpus', cpus), scalar('mem', mem)]
}

export function newFramework(
  more: Partial<Omit<Framework, 'info'>> & {
    readonly can?: readonly FrameworkInfoCapabilityType[]
    readonly info?: Partial<FrameworkInfo>
  } = {},
): Framework {
  const { can = ['PARTITION_AWARE', 'MULTI_ROLE'], info, ...rest } = more
  const frameworkId = rest.frameworkId ?? `${CLUSTER}-F1`
  return {
    version: 3,
    frameworkId,
    info: {
      user: 'nobody',
      name: 'test',
      id: { value: frameworkId },
      ...(can.includes('MULTI_ROLE') ? { roles: ['dev', 'ops'] } : {}),
      capabilities: can.map((type) => ({ type })),
      ...info,
    },
    epoch: EPOCH,
    streamId: 'stream-1',
    state: 'connected',
    suppressedRoles: [],
    filterEpochs: {},
    gates: 1,
    shards: 1,
    registeredAt: 0,
    ...rest,
  }
}

export function newLedger(more: Partial<Ledger> = {}): Ledger {
  return {
    version: 5,
    agentId: AGENT,
    life: 'active',
    incarnation: 1,
    bootNonce: 'boot',
    lossNumber: 0,
    generation: firstOf(1) + 7,
    total: [...cpusMem(4, 4096), scalar('disk', 1000)],
    offers: {},
    holds: {},
    sums: {},
    digest: EMPTY_DIGEST,
    heardAt: 0,
    refusals: [],
    accepts: [],
    deactivated: false,
    beatShard: 0,
    indexShard: 0,
    ...more,
  }
}

export function newEntry(more: Partial<AgentEntry> = {}): AgentEntry {
  return {
    version: 1,
    agentId: AGENT,
    shard: 0,
    info: { hostname: 'host', port: 5051 },
    address: { ip: '127.0.0.1', port: 5051 },
    agentVersion: '1.12.0',
    capabilities: [{ type: 'MULTI_ROLE' }, { type: 'TASK_RESOURCE_LIMITS' }],
    registeredAt: 0,
    commandQueueUrl: 'queue',
    life: 'active',
    ...more,
  }
}

/** A ledger with one offer of these resources (all that is free if absent) to the framework. */
export function withOffer(
  ledger: Ledger,
  framework: Framework,
  more: Partial<LedgerOffer> & { readonly id?: string } = {},
): { readonly ledger: Ledger; readonly offerId: string } {
  const { id, ...rest } = more
  const count = Object.keys(ledger.offers).length
  const offerId = id ?? newOfferId(ledger.agentId, { newId: () => `offer${count}` })
  const offer: LedgerOffer = {
    frameworkId: framework.frameworkId,
    role: framework.info.roles?.[0] ?? '*',
    epoch: framework.epoch,
    resources: free(ledger),
    expiresAt: NOW + 60_000,
    ...rest,
  }
  return { ledger: { ...ledger, offers: { ...ledger.offers, [offerId]: offer } }, offerId }
}

export function newTaskInfo(id: string, more: Partial<TaskInfo> = {}): TaskInfo {
  return {
    name: id,
    task_id: { value: id },
    agent_id: { value: AGENT },
    resources: cpusMem(1, 128),
    command: { value: 'true' },
    ...more,
  }
}

export function newExecutorInfo(id: string, more: Partial<ExecutorInfo> = {}): ExecutorInfo {
  return {
    executor_id: { value: id },
    command: { value: './executor' },
    resources: [...cpusMem(0.1, 32), scalar('disk', 1)],
    ...more,
  }
}

export function launch(...tasks: TaskInfo[]): OfferOperation {
  return { type: 'LAUNCH', launch: { task_infos: tasks } }
}

export function launchGroup(executor: ExecutorInfo, ...tasks: TaskInfo[]): OfferOperation {
  return { type: 'LAUNCH_GROUP', launch_group: { executor, task_group: { tasks } } }
}

export function acceptOf(offerIds: readonly string[], ...operations: OfferOperation[]): SchedulerCallAccept {
  return { offer_ids: offerIds.map((value) => ({ value })), operations }
}

export function loadedFor(
  framework: Framework,
  ledger: Ledger,
  more: Partial<AcceptLoaded> = {},
): AcceptLoaded {
  return {
    framework,
    ledgers: [ledger],
    agents: [newEntry({ agentId: ledger.agentId })],
    tasks: [],
    executors: [],
    ...more,
  }
}

export function newTask(taskId: string, more: Partial<Task> = {}): Task {
  const frameworkId = more.frameworkId ?? `${CLUSTER}-F1`
  return {
    version: 2,
    frameworkId,
    taskId,
    shard: 0,
    agentId: AGENT,
    acceptId: 'earlier',
    launchIncarnation: 1,
    launchGeneration: 1,
    mesos: {
      name: taskId,
      task_id: { value: taskId },
      framework_id: { value: frameworkId },
      agent_id: { value: AGENT },
      state: 'TASK_RUNNING',
      resources: cpusMem(1, 128),
    },
    role: 'dev',
    lastUpdate: 0,
    custody: [],
    standing: 'live',
    createdAt: NOW,
    ...more,
  }
}

export function newRun(taskId: string, more: Partial<Run> = {}): Run {
  return {
    version: 1,
    agentId: AGENT,
    frameworkId: `${CLUSTER}-F1`,
    taskId,
    wanted: 'run',
    launchIncarnation: 1,
    launchGeneration: 1,
    role: 'dev',
    task: newTaskInfo(taskId),
    kills: 0,
    charged: cpusMem(1, 128),
    acceptId: 'earlier',
    answerBy: NOW,
    ...more,
  }
}

type Put<K extends Change['kind']> = Extract<Change, { do: 'put'; kind: K }>['item']

/** The items of one kind that a decision puts. */
export function puts<K extends Change['kind']>(decision: Decision<unknown>, kind: K): Put<K>[] {
  return decision.changes
    .filter((change) => change.do === 'put' && change.kind === kind)
    .map((change) => (change as Extract<Change, { do: 'put' }>).item as Put<K>)
}

/** The one ledger a decision puts. */
export function ledgerOf(decision: Decision<unknown>): Ledger {
  const [ledger, ...more] = puts(decision, 'ledger')
  expect(more).toEqual([])
  if (ledger === undefined) throw new Error('no ledger is put')
  expect(unsound(ledger)).toBeUndefined()
  return { ...ledger, version: ledger.version + 1 }
}

/** What the framework will be told by words. */
export function wordsOf(decision: Decision<unknown>): TaskStatus[] {
  return bodiesOf(decision).flatMap((body) => (body.kind === 'word' ? [body.status] : []))
}

export function bodiesOf(decision: Decision<unknown>): MailBody[] {
  return puts(decision, 'mail').map(({ body }) => body)
}

/** The kinds of all changes, for what must and must not be touched. */
export function touched(decision: Decision<unknown>): string[] {
  return decision.changes.map(({ do: verb, kind }) => `${verb} ${kind}`).sort()
}

/** Every transaction fits, and names no item twice: as the store demands. */
export function expectCommittable(decision: Decision<unknown>): void {
  expect(decision.changes.length).toBeLessThanOrEqual(100)
  const keys = decision.changes.map(({ kind, item }) => {
    const { version: _, ...rest } = item
    const ids = [
      'agentId',
      'frameworkId',
      'taskId',
      'executorId',
      'acceptId',
      'index',
      'key',
      'number',
    ] as const
    const values: Record<string, unknown> = { ...rest }
    return [kind, ...ids.map((id) => (id === 'acceptId' && kind !== 'hold' ? '' : values[id]))].join(' ')
  })
  expect(new Set(keys).size).toBe(keys.length)
}
