// RECONCILE: what became of tasks, from what is known of the task, of its agent and of the framework together.
//
// Answers are words without uuid in the mailbox; here every question is answered, also while agents come back (F58).
import { timeInfo } from '../../protocol/durations.ts'
import { idError } from '../../protocol/ids.ts'
import type {
  SchedulerCallReconcile,
  SchedulerCallReconcileTask,
  TaskState,
  TaskStatus,
} from '../../protocol/messages.ts'
import type { Context } from '../context.ts'
import type { Change, Decision } from '../decision.ts'
import { gateCheck } from '../frameworks/gates.ts'
import { shardOf } from '../frameworks/shards.ts'
import { MAX_ANSWERS_PER_STEP } from '../limits.ts'
import { reconcileAllMail, wordMail } from '../mail.ts'
import type { Framework, Hold, Ledger, Task } from '../model.ts'
import { isKnown, isTerminal, spell, visibleState } from '../task-state.ts'
import { ACCEPTED, type CallAnswer } from './answer.ts'

export interface ReconcileLoaded {
  readonly framework: Framework
  /** Existing tasks by the ids asked, in any order. */
  readonly tasks: readonly (Task | undefined)[]
  /** Of the agents of these tasks and of those named in the call, as far as they exist. */
  readonly ledgers: readonly Ledger[]
  /** Large ACCEPTs of this framework under way, on the agents of these tasks and those named, or anywhere. */
  readonly holds?: readonly Hold[] | undefined
}

/** A call cut so that each part fits one transaction; an implicit one is one part. */
export function reconcileParts({ tasks = [] }: SchedulerCallReconcile): readonly SchedulerCallReconcile[] {
  const distinct = [...new Map(tasks.map((task) => [task.task_id.value, task])).values()]
  const parts: SchedulerCallReconcile[] = []
  for (let from = 0; from < distinct.length; from += MAX_ANSWERS_PER_STEP) {
    parts.push({ tasks: distinct.slice(from, from + MAX_ANSWERS_PER_STEP) })
  }
  return parts.length > 0 ? parts : [{}]
}

/** Answers one part: a word per task asked (L4), or with none asked a notice that the reader answers page by page. */
export function reconcile(
  loaded: ReconcileLoaded,
  { tasks = [] }: SchedulerCallReconcile,
  context: Context,
): Decision<CallAnswer> {
  const { framework } = loaded
  const mail =
    tasks.length === 0
      ? [reconcileAllMail(framework, context)]
      : tasks.map((asked) => wordMail(framework, answerOf(asked, loaded, context), context))
  const taskIds = tasks.map(({ task_id }) => task_id.value)
  return {
    changes: [
      gateCheck(framework, taskIds[0] ?? framework.frameworkId),
      ...stillSo(taskIds, loaded),
      ...mail,
    ],
    tell: [{ tell: 'framework', frameworkId: framework.frameworkId }],
    answer: ACCEPTED,
  }
}

/**
 * The answers to one page of an implicit reconciliation: tasks that are not over, and those over but not acknowledged
 * (C114); not those out of reach.
 */
export function reconcilePage(
  tasks: readonly Task[],
  ledgers: ReadonlyMap<string, Ledger>,
  framework: Framework,
  context: Pick<Context, 'now'>,
): readonly TaskStatus[] {
  return tasks
    .filter((task) => isListed(task, ledgers.get(task.agentId)))
    .map((task) => statusOf(task, ledgers.get(task.agentId), framework, context))
}

function isListed(task: Task, ledger: Ledger | undefined): boolean {
  if (task.standing !== 'live') return false
  return isTerminal(task.mesos.state) || ledger?.life === 'active' || ledger?.life === 'returning'
}

/** What is said of one task that is asked for: the first row of the table that fits. */
export function answerOf(
  asked: SchedulerCallReconcileTask,
  { framework, tasks, ledgers, holds = [] }: ReconcileLoaded,
  context: Pick<Context, 'now'>,
): TaskStatus {
  const taskId = asked.task_id.value
  const task = tasks.find((each) => each?.taskId === taskId)
  if (isKnown(task)) {
    return statusOf(
      task,
      ledgers.find(({ agentId }) => agentId === task.agentId),
      framework,
      context,
    )
  }
  const ledger = ledgers.find(({ agentId }) => agentId === asked.agent_id?.value)
  const { state, message } = holdOf(taskId, framework, holds)
    ? ({ state: 'TASK_STAGING', message: 'The ACCEPT of this task is under way' } as const)
    : unknownTask(ledger)
  return {
    ...answer(asked.task_id, state, message, framework),
    ...(asked.agent_id === undefined ? {} : { agent_id: asked.agent_id }),
    timestamp: context.now / 1000,
    ...unreachableTime(state, ledger, context),
  }
}

/**
 * The checks that what was loaded of these tasks is still so: an answer that was overtaken by the end of its task would
 * be read as a return to life, and nothing would ever correct it (reconcile-overtaken-by-finish). So it is with the end
 * of a large ACCEPT.
 */
export function stillSo(
  taskIds: readonly string[],
  { framework, tasks, holds = [] }: Pick<ReconcileLoaded, 'framework' | 'tasks' | 'holds'>,
): readonly Change[] {
  const ids = [...new Set(taskIds)].filter((taskId) => idError(taskId) === undefined && taskId.isWellFormed())
  const stored = new Map(tasks.map((task) => [task?.taskId, task]))
  const underWay = new Set(ids.flatMap((taskId) => holdOf(taskId, framework, holds) ?? []))
  return [
    ...ids.map((taskId): Change => {
      const { frameworkId } = framework
      const item = { frameworkId, taskId, shard: shardOf(framework, taskId) }
      const version = stored.get(taskId)?.version ?? 0
      return { do: 'check', kind: 'task', item: { ...item, version }, when: { name: 'unchanged' } }
    }),
    ...[...underWay].map((item): Change => {
      return { do: 'check', kind: 'hold', item, when: { name: 'unchanged' } }
    }),
  ]
}

/** The large ACCEPT under way that will make the task, if there is one. */
export function holdOf(
  taskId: string,
  { frameworkId }: Pick<Framework, 'frameworkId'>,
  holds: readonly Hold[],
): Hold | undefined {
  return holds.find(
    (hold) => hold.frameworkId === frameworkId && hold.tasks.some((each) => each.taskId === taskId),
  )
}

/** An agent that is still handing in its list may yet have the task: it is out of reach, not gone. */
function unknownTask(ledger: Ledger | undefined): { readonly state: TaskState; readonly message: string } {
  switch (ledger?.life) {
    case 'active':
      return { state: 'TASK_GONE', message: 'Reconciliation: Task is unknown to the agent' }
    case 'unreachable':
    case 'returning':
      return { state: 'TASK_UNREACHABLE', message: 'Reconciliation: Task is unreachable' }
    case 'gone':
      return { state: 'TASK_GONE_BY_OPERATOR', message: 'Reconciliation: Task is gone' }
    default:
      return { state: 'TASK_UNKNOWN', message: 'Reconciliation: Task is unknown' }
  }
}

/** A known task: the state it was last told in, unless its agent or framework says otherwise since. */
function statusOf(
  task: Task,
  ledger: Ledger | undefined,
  framework: Framework,
  context: Pick<Context, 'now'>,
): TaskStatus {
  const { mesos } = task
  const visible = visibleState(task, ledger, framework)
  const isOwn = task.standing === 'live' && visible === mesos.state
  const state = isOwn ? forwarded(task) : visible
  const statuses = mesos.statuses ?? []
  const last = statuses.findLast((status) => status.state === state) ?? statuses.at(-1)
  return {
    ...answer(mesos.task_id, state, 'Reconciliation: Latest task state', framework),
    agent_id: mesos.agent_id,
    timestamp: last?.timestamp ?? context.now / 1000,
    ...((mesos.executor_id ?? last?.executor_id)
      ? { executor_id: mesos.executor_id ?? last?.executor_id }
      : {}),
    ...(last?.healthy === undefined ? {} : { healthy: last.healthy }),
    ...(last?.check_status === undefined ? {} : { check_status: last.check_status }),
    ...(last?.container_status === undefined ? {} : { container_status: last.container_status }),
    ...unreachableTime(state, ledger, context),
  }
}

/**
 * What the framework was told last: the head of custody, or with nothing waiting there the newest status, which may be
 * a word of ours (C109). The newest state may be ahead of it; it comes with its own update.
 */
function forwarded({ custody, mesos }: Task): TaskState {
  return custody[0]?.status.state ?? mesos.statuses?.at(-1)?.state ?? mesos.state
}

function answer(
  taskId: TaskStatus['task_id'],
  state: TaskState,
  message: string,
  framework: Framework,
): TaskStatus {
  return {
    task_id: taskId,
    state: spell(state, framework),
    source: 'SOURCE_MASTER',
    reason: 'REASON_RECONCILIATION',
    message,
  }
}

function unreachableTime(
  state: TaskState,
  ledger: Ledger | undefined,
  { now }: Pick<Context, 'now'>,
): Pick<TaskStatus, 'unreachable_time'> {
  return state === 'TASK_UNREACHABLE' ? { unreachable_time: timeInfo(ledger?.unreachableSince ?? now) } : {}
}
