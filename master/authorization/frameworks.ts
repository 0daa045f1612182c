// What a framework may: which roles it registers in, and as which users its tasks and executors run (A4).
//
// Its rights are those of its principal. With authentication that is who was asked for a secret; without it is what the
// framework calls itself, as in Mesos.
import type { ExecutorInfo, FrameworkInfo, TaskInfo } from '../../protocol/messages.ts'
import { rolesOf } from '../frameworks/roles.ts'
import { type Acls, allowed } from './acls.ts'

/** Why a framework may not be registered; undefined if it may. Each of its roles is asked for. */
export function registrationRefusal(acls: Acls | undefined, info: FrameworkInfo): string | undefined {
  if (acls === undefined) return undefined
  const refused = rolesOf(info).find((role) => !allowed(acls, 'register_frameworks', info.principal, role))
  return refused === undefined ? undefined : `Not authorized to use role '${refused}'`
}

/**
 * Why tasks may not be launched as who they would run as; undefined if they may.
 * @param executor of the group or of the one task
 */
export function launchRefusal(
  acls: Acls | undefined,
  info: FrameworkInfo,
  tasks: readonly TaskInfo[],
  executor: ExecutorInfo | undefined,
): string | undefined {
  if (acls === undefined) return undefined
  const users = new Set(usersOf(info, tasks, executor))
  const refused = [...users].find((user) => !allowed(acls, 'run_tasks', info.principal, user))
  return refused === undefined ? undefined : `Not authorized to launch as user '${refused}'`
}

/** Mesos does not ask for the executor of a group; a task's rights would end where its executor's begin. */
function usersOf(
  { user }: FrameworkInfo,
  tasks: readonly TaskInfo[],
  executor: ExecutorInfo | undefined,
): readonly string[] {
  const ofExecutor = executor?.command?.user ?? user
  const ofTasks = tasks.map(({ command }) => command?.user ?? ofExecutor)
  const all = executor === undefined ? ofTasks : [ofExecutor, ...ofTasks]
  // Who names nobody runs as the agent does, and that may be root: a list that refuses root refuses it too.
  return all.map((name) => (name === '' ? 'root' : name))
}
