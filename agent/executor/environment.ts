// The environment of executors and of tasks: what Mesos promises, what the user gave, and nothing of the agent's own (A17).
import { formatDuration } from '../../protocol/durations.ts'
import type { CommandInfo, ExecutorInfo, FrameworkInfo } from '../../protocol/messages.ts'

/** What Mesos gives executors, whatever PATH the agent has. */
export const STANDARD_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

export interface EnvironmentOf {
  readonly agentId: string
  readonly ip: string
  readonly port: number
  readonly frameworkId: string
  readonly executorId: string
  readonly framework: FrameworkInfo | undefined
  /** Path of the sandbox, on the host and, without a root of its own, inside as well. */
  readonly sandbox: string
  readonly command: CommandInfo | undefined
  /** Of the agent's flag `--executor-environment`. */
  readonly flag: Readonly<Record<string, string>>
}

/** Later wins: the flag, Mesos's table, the user's variables. */
export function executorEnvironment(of: EnvironmentOf, info: ExecutorInfo): Readonly<Record<string, string>> {
  const grace = info.shutdown_grace_period?.nanoseconds ?? 5_000_000_000
  const checkpointed = of.framework?.checkpoint === true
  return {
    ...table(of),
    MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD: formatDuration(grace),
    ...(checkpointed ? { MESOS_RECOVERY_TIMEOUT: '15mins', MESOS_SUBSCRIPTION_BACKOFF_MAX: '2secs' } : {}),
    ...userVariables(of.command),
  }
}

/** `MESOS_TASK_ID` is ours. */
export function taskEnvironment(
  of: EnvironmentOf,
  task: { readonly taskId: string; readonly role: string; readonly nested: boolean },
): Readonly<Record<string, string>> {
  return {
    ...table(of),
    MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD: '5secs',
    MESOS_TASK_ID: task.taskId,
    MESOS_ALLOCATION_ROLE: task.role,
    ...(task.nested ? { MESOS_CONTAINER_IP: of.ip } : {}),
    ...userVariables(of.command),
  }
}

function table(of: EnvironmentOf): Record<string, string> {
  return {
    PATH: STANDARD_PATH,
    ...of.flag,
    MESOS_FRAMEWORK_ID: of.frameworkId,
    MESOS_EXECUTOR_ID: of.executorId,
    MESOS_AGENT_ENDPOINT: `${of.ip}:${of.port}`,
    MESOS_DIRECTORY: of.sandbox,
    MESOS_SANDBOX: of.sandbox,
    MESOS_SLAVE_ID: of.agentId,
    MESOS_SLAVE_PID: `slave(1)@${of.ip}:${of.port}`,
    MESOS_CHECKPOINT: of.framework?.checkpoint === true ? '1' : '0',
    MESOS_HTTP_COMMAND_EXECUTOR: '0',
    LIBPROCESS_PORT: '0',
    LIBPROCESS_IP: of.ip,
  }
}

/** Secrets given by value are resolved here; references need a secret store, which there is none of. */
function userVariables(command: CommandInfo | undefined): Record<string, string> {
  const variables: Record<string, string> = {}
  for (const { name, value, secret } of command?.environment?.variables ?? []) {
    if (value !== undefined) variables[name] = value
    else if (secret?.value !== undefined)
      variables[name] = Buffer.from(secret.value.data, 'base64').toString()
  }
  return variables
}
