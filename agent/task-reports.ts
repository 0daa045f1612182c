// How tasks and executors are told to the control plane at registration.
import type { ExecutorReport, TaskReport } from '../protocol/agent-messages.ts'
import type { ExecutorRecord, TaskRecord } from './state.ts'

/** @param withInfo after a restore, when the control plane may not know the task any more */
export function taskReportOf(task: TaskRecord, withInfo: boolean): TaskReport {
  return {
    frameworkId: task.frameworkId,
    taskId: task.taskId,
    ...(task.kind === 'command' ? {} : { executorId: task.executorId }),
    state: task.state,
    lastUpdate: task.lastUpdate,
    waiting: task.pending.length,
    launchIncarnation: task.launch.launchIncarnation,
    launchGeneration: task.launch.launchGeneration,
    role: task.launch.role,
    resources: task.info.resources ?? [],
    ...(withInfo ? { info: task.info } : {}),
  }
}

export function executorReportOf(executor: ExecutorRecord): ExecutorReport {
  return {
    frameworkId: executor.frameworkId,
    info: executor.info,
    role: executor.role,
    resources: executor.info.resources ?? [],
    ...(executor.executorGeneration === undefined ? {} : { executorGeneration: executor.executorGeneration }),
  }
}
