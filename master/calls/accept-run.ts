// The operations of an ACCEPT, one after the other: each sees what the earlier ones left of the offers (C80, C86, C88).
//
// Pure bookkeeping over copies: nothing is charged here. What comes out is what shall exist, and what must be said.

import type {
  ExecutorInfo,
  OfferOperation,
  OperationStatus,
  Resource,
  TaskInfo,
  TaskState,
  TaskStatus,
  TaskStatusReason,
} from '../../protocol/messages.ts'
import { upgrade } from '../../protocol/resource-format.ts'
import { resourcesError } from '../../protocol/resource-validation.ts'
import { add, subtract, unallocate } from '../../protocol/resources.ts'
import { launchRefusal } from '../authorization/frameworks.ts'
import type { Context } from '../context.ts'
import { shardOf } from '../frameworks/shards.ts'
import { LAUNCH_ANSWER_MS } from '../limits.ts'
import type { AgentEntry, Executor, Framework, Ledger, Resources, Run, Task } from '../model.ts'
import { isKnown } from '../task-state.ts'
import { withType } from '../validation/checks.ts'
import { groupError } from '../validation/group.ts'
import { launchTaskError, type TaskPlace } from '../validation/task.ts'
import { errorStatus, isOtherWithId, operationError } from './accept-refuse.ts'
import { tasksOfUnit, type Unit } from './accept-units.ts'

/** Where the operations happen. */
export interface Ground {
  readonly framework: Framework
  readonly agent: AgentEntry | undefined
  readonly ledger: Ledger
  readonly role: string
  /** Of the offers or of the hold, allocated to the role. */
  readonly available: Resources
  readonly acceptId: string
  readonly generation: number
  /** Existing tasks by id. */
  readonly tasks: ReadonlyMap<string, Task>
  readonly executors: readonly Executor[]
}

/** What became of the operations. */
export interface Outcome {
  readonly available: Resources
  readonly charged: Resources
  readonly runs: readonly Run[]
  readonly tasks: readonly Task[]
  readonly executors: readonly Executor[]
  readonly words: readonly TaskStatus[]
  readonly errors: readonly OperationStatus[]
}

interface Draft {
  available: Resources
  charged: Resources
  readonly runs: Run[]
  readonly tasks: Task[]
  readonly executors: Executor[]
  readonly live: Map<string, ExecutorInfo>
  readonly words: Map<string, TaskStatus>
  readonly errors: OperationStatus[]
}

/** Runs units in order. Those an earlier try of this very ACCEPT made are passed over. */
export function runUnits(units: readonly Unit[], ground: Ground, context: Context): Outcome {
  const draft: Draft = {
    available: ground.available,
    charged: [],
    runs: [],
    tasks: [],
    executors: [],
    live: new Map(ground.executors.map(({ executorId, info }) => [executorId, info])),
    words: new Map(),
    errors: [],
  }
  for (const unit of units) {
    const isMade = tasksOfUnit(unit).some(({ task_id }) => isOwnWork(task_id.value, ground))
    if (!isMade) runUnit(unit, { ground, draft, context })
  }
  return { ...draft, words: [...draft.words.values()] }
}

function isOwnWork(taskId: string, { tasks, acceptId }: Ground): boolean {
  return tasks.get(taskId)?.acceptId === acceptId
}

interface Bench {
  readonly ground: Ground
  readonly draft: Draft
  readonly context: Context
}

function runUnit(unit: Unit, bench: Bench): void {
  switch (unit.operation.type) {
    case 'LAUNCH':
      for (const task of tasksOfUnit(unit)) launch(unit, task, bench)
      return
    case 'LAUNCH_GROUP':
      launchGroup(unit, bench)
      return
    default:
      refuseOther(unit.operation, bench)
  }
}

/** Rights come before everything else, as in Mesos: who may not launch learns nothing of the place. */
function launch(unit: Unit, given: TaskInfo, bench: Bench): void {
  const { ground, context } = bench
  const unauthorized = launchRefusal(context.settings.acls, ground.framework.info, [given], given.executor)
  if (unauthorized !== undefined) {
    sayError(given, 'REASON_TASK_UNAUTHORIZED', unauthorized, bench)
    return
  }
  const task = prepared(given, ground)
  const reason = unit.refusal ?? idOnLaunchReason(unit.operation) ?? launchTaskError(task, placeOf(bench))
  if (reason === undefined) start([task], task.executor, undefined, bench)
  else sayError(given, 'REASON_TASK_INVALID', reason, bench)
}

function launchGroup(unit: Unit, bench: Bench): void {
  const { ground, context } = bench
  const given = unit.operation.launch_group
  if (given === undefined) return
  const executor = preparedExecutor(given.executor, ground)
  const tasks = (given.task_group.tasks ?? []).map((task) => prepared(task, ground))
  const unauthorized = launchRefusal(context.settings.acls, ground.framework.info, tasks, executor)
  if (unauthorized !== undefined) {
    for (const task of tasks) sayError(task, 'REASON_TASK_GROUP_UNAUTHORIZED', unauthorized, bench)
    return
  }
  const reason =
    unit.refusal ?? idOnLaunchReason(unit.operation) ?? groupError(executor, tasks, placeOf(bench))
  if (reason !== undefined) {
    for (const task of tasks) sayError(task, 'REASON_TASK_GROUP_INVALID', reason, bench)
    return
  }
  start(tasks, executor, { id: bench.context.newId(), size: tasks.length }, bench)
}

/** LAUNCH and LAUNCH_GROUP report by their tasks; an id on them is a mistake (C91). */
function idOnLaunchReason({ id, type }: OfferOperation): string | undefined {
  return id === undefined ? undefined : `The 'id' field cannot be set on ${type} operations`
}

/** Reservations, volumes and disks are not built yet: an error for who asked to hear of it, else silence (R5). */
function refuseOther(operation: OfferOperation, { draft }: Bench): void {
  if (!isOtherWithId(operation)) return
  draft.errors.push(operationError(operation, `${operation.type} operations are not supported yet`))
}

function placeOf({ ground, draft }: Bench): TaskPlace {
  return {
    agentId: ground.ledger.agentId,
    frameworkId: ground.framework.frameworkId,
    role: ground.role,
    keepsLimits: (ground.agent?.capabilities ?? []).some(({ type }) => type === 'TASK_RESOURCE_LIMITS'),
    executors: draft.live,
    available: draft.available,
    isTaken: (taskId) =>
      draft.tasks.some((task) => task.taskId === taskId) ||
      holdsId(ground.tasks.get(taskId), ground.ledger.agentId),
  }
}

/** An id is free again when its task is over and acknowledged, or was lost for good with another agent (C81). */
function holdsId(task: Task | undefined, agentId: string): boolean {
  if (!isKnown(task)) return false
  const isLostForGood = task.standing === 'lost' && lostForGood.has(task.mesos.state)
  return !isLostForGood || task.agentId === agentId
}

const lostForGood: ReadonlySet<TaskState> = new Set(['TASK_LOST', 'TASK_GONE_BY_OPERATOR'])

/** Tasks and, if it does not run there yet, their executor come into being together. */
function start(
  tasks: readonly TaskInfo[],
  executor: ExecutorInfo | undefined,
  group: Run['group'],
  bench: Bench,
): void {
  const { ground, draft } = bench
  if (executor !== undefined && !draft.live.has(executor.executor_id.value)) {
    draft.live.set(executor.executor_id.value, executor)
    draft.executors.push(newExecutor(executor, ground))
    take(executor.resources ?? [], draft)
  }
  for (const task of tasks) {
    draft.runs.push(newRun(task, executor, group, bench))
    draft.tasks.push(newTask(task, executor, bench))
    take(task.resources ?? [], draft)
  }
}

function take(resources: Resources, draft: Draft): void {
  draft.available = subtract(draft.available, resources)
  draft.charged = add(draft.charged, unallocate(resources))
}

function newExecutor(info: ExecutorInfo, { framework, ledger, role, generation }: Ground): Executor {
  return {
    version: 0,
    agentId: ledger.agentId,
    frameworkId: framework.frameworkId,
    executorId: info.executor_id.value,
    info,
    role,
    charged: unallocate(info.resources ?? []),
    wanted: 'run',
    executorGeneration: generation,
  }
}

function newRun(
  task: TaskInfo,
  executor: ExecutorInfo | undefined,
  group: Run['group'],
  { ground, draft, context }: Bench,
): Run {
  const charged = [...ground.executors, ...draft.executors]
  const began = charged.find(({ executorId }) => executorId === executor?.executor_id.value)
  const executorGeneration = began?.executorGeneration
  return {
    version: 0,
    agentId: ground.ledger.agentId,
    frameworkId: ground.framework.frameworkId,
    taskId: task.task_id.value,
    wanted: 'run',
    launchIncarnation: ground.ledger.incarnation,
    launchGeneration: ground.generation,
    role: ground.role,
    task,
    kills: 0,
    charged: unallocate(task.resources ?? []),
    acceptId: ground.acceptId,
    answerBy: context.now + LAUNCH_ANSWER_MS,
    ...(group === undefined ? {} : { group }),
    ...(executor === undefined ? {} : { executor }),
    ...(executorGeneration === undefined ? {} : { executorGeneration }),
  }
}

function newTask(task: TaskInfo, executor: ExecutorInfo | undefined, { ground, context }: Bench): Task {
  const { framework, ledger, role, acceptId, generation, tasks } = ground
  const taskId = task.task_id.value
  return {
    // Over the evidence of an earlier task of this id, if there is some.
    version: tasks.get(taskId)?.version ?? 0,
    frameworkId: framework.frameworkId,
    taskId,
    shard: shardOf(framework, taskId),
    agentId: ledger.agentId,
    acceptId,
    launchIncarnation: ledger.incarnation,
    launchGeneration: generation,
    mesos: mesosTask(task, executor, framework),
    role,
    lastUpdate: 0,
    custody: [],
    standing: 'live',
    createdAt: context.now,
  }
}

/** The task as Mesos lists it: what anybody may see of a TaskInfo. */
function mesosTask(task: TaskInfo, executor: ExecutorInfo | undefined, framework: Framework): Task['mesos'] {
  const {
    name,
    task_id,
    agent_id,
    resources,
    labels,
    discovery,
    container,
    health_check,
    kill_policy,
    limits,
  } = task
  return {
    name,
    task_id,
    framework_id: { value: framework.frameworkId },
    ...(executor === undefined ? {} : { executor_id: executor.executor_id }),
    agent_id,
    state: 'TASK_STAGING',
    resources,
    labels,
    discovery,
    container,
    user: task.command?.user ?? executor?.command?.user ?? framework.info.user,
    health_check,
    kill_policy,
    limits,
  }
}

/** The last word about an id is the one that is read. */
function sayError(
  task: TaskInfo,
  reason: TaskStatusReason,
  message: string,
  { draft, context }: Bench,
): void {
  draft.words.set(task.task_id.value, errorStatus(task, { state: 'TASK_ERROR', reason, message }, context))
}

/** A task as Mesos fills it in before it looks at it. */
function prepared(task: TaskInfo, ground: Ground): TaskInfo {
  const { resources, executor, health_check } = task
  return {
    ...task,
    ...(resources === undefined ? {} : { resources: modern(resources, ground.role) }),
    ...(executor === undefined ? {} : { executor: preparedExecutor(executor, ground) }),
    ...(health_check === undefined ? {} : { health_check: withType(health_check) }),
  }
}

function preparedExecutor(executor: ExecutorInfo, { framework, role }: Ground): ExecutorInfo {
  return {
    ...executor,
    framework_id: executor.framework_id ?? { value: framework.frameworkId },
    ...(executor.resources === undefined ? {} : { resources: modern(executor.resources, role) }),
  }
}

/** In the kept format and allocated to the offers' role. What is unsound stays as it is, to be found wanting. */
function modern(resources: readonly Resource[], role: string): readonly Resource[] {
  if (resourcesError(resources) !== undefined) return resources
  return resources.map((resource) => ({
    ...upgrade(resource),
    allocation_info: { role: resource.allocation_info?.role ?? role },
  }))
}
