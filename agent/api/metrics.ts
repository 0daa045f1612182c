// The agent's metrics by Mesos's names, and those of its disk, which Mesos has none for.
import { statfsSync } from 'node:fs'
import { availableParallelism, freemem, loadavg, totalmem } from 'node:os'
import type { Clock } from '../../protocol/clock.ts'
import type { AgentInfo, Resource, TaskState } from '../../protocol/messages.ts'
import type { AgentState } from '../state.ts'

const STATES: readonly TaskState[] = [
  'TASK_STAGING',
  'TASK_STARTING',
  'TASK_RUNNING',
  'TASK_KILLING',
  'TASK_FINISHED',
  'TASK_FAILED',
  'TASK_KILLED',
  'TASK_LOST',
  'TASK_GONE',
]

export function metricsOf(
  state: AgentState,
  info: AgentInfo,
  clock: Clock,
  startTime: number,
  workDir: string | undefined,
): Readonly<Record<string, number>> {
  const metrics: Record<string, number> = {
    'slave/registered': state.phase === 'running' ? 1 : 0,
    'slave/uptime_secs': (clock.now() - startTime) / 1000,
    'slave/frameworks_active': state.frameworks.size,
    'slave/executors_registering': executors(state, 'starting') + executors(state, 'registering'),
    'slave/executors_running': executors(state, 'running'),
    'slave/executors_terminating': executors(state, 'ending'),
    'slave/executors_terminated': state.completedExecutors.length,
    'system/cpus_total': availableParallelism(),
    'system/mem_total_bytes': totalmem(),
    'system/mem_free_bytes': freemem(),
    ...diskOf(workDir),
  }
  for (const [index, minutes] of [1, 5, 15].entries())
    metrics[`system/load_${minutes}min`] = loadavg()[index] ?? 0
  const tasks = [...state.tasks.values(), ...state.completedTasks]
  for (const name of STATES) {
    metrics[`slave/${name.toLowerCase().replace('task_', 'tasks_')}`] = tasks.filter(
      (task) => task.state === name,
    ).length
  }
  const used = [...state.tasks.values()]
    .filter((task) => task.stage !== 'ended')
    .flatMap((task) => task.info.resources ?? [])
  for (const name of ['cpus', 'mem', 'disk', 'gpus']) {
    const total = amount(info.resources ?? [], name)
    const taken = amount(used, name)
    metrics[`slave/${name}_total`] = total
    metrics[`slave/${name}_used`] = taken
    metrics[`slave/${name}_percent`] = total === 0 ? 0 : taken / total
  }
  return metrics
}

/** The file system of checkpoints and sandboxes; nothing when it does not answer. */
function diskOf(workDir: string | undefined): Readonly<Record<string, number>> {
  if (workDir === undefined) return {}
  try {
    const { blocks, bavail, bsize } = statfsSync(workDir)
    return { 'meseta/disk_total_bytes': blocks * bsize, 'meseta/disk_free_bytes': bavail * bsize }
  } catch {
    return {}
  }
}

function executors(state: AgentState, stage: string): number {
  return [...state.executors.values()].filter((executor) => executor.stage === stage).length
}

function amount(resources: readonly Resource[], name: string): number {
  return resources.filter((one) => one.name === name).reduce((sum, one) => sum + (one.scalar?.value ?? 0), 0)
}
