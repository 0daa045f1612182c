// Frameworks and tasks as the control plane would send them.
import type { WantedTask } from '../../protocol/agent-messages.ts'
import type { FrameworkInfo, TaskInfo } from '../../protocol/messages.ts'

export function framework(id = 'f', more: Partial<FrameworkInfo> = {}): FrameworkInfo {
  return {
    id: { value: id },
    name: id,
    user: '',
    checkpoint: true,
    capabilities: [{ type: 'PARTITION_AWARE' }, { type: 'TASK_KILLING_STATE' }],
    ...more,
  }
}

export function wanted(taskId: string, command: string, more: Partial<TaskInfo> = {}): WantedTask {
  return {
    frameworkId: 'f',
    taskId,
    wanted: 'run',
    launchIncarnation: 0,
    launchGeneration: 0,
    role: '*',
    kills: 0,
    task: {
      name: taskId,
      task_id: { value: taskId },
      agent_id: { value: 'm-S1' },
      resources: [
        { name: 'cpus', type: 'SCALAR', scalar: { value: 0.1 } },
        { name: 'mem', type: 'SCALAR', scalar: { value: 32 } },
      ],
      command: { value: command },
      ...more,
    },
  }
}

/** A command that goes on when the file is there: no test depends on how fast the machine is. */
export function gate(file: string): string {
  return `while [ ! -e '${file}' ]; do sleep 0.02; done`
}
