// A control group of its own for everything that tasks are started by, apart from the agent's.
//
//   <dir>/            delegated by systemd, owned by a unit that is never restarted (meseta-tasks.service)
//     keeper/         that unit's own process
//     shims/          the server of shims, the shims, all tasks
//
// systemd ends what is in a unit's group with the unit. Who starts a shim joins the group first and becomes the shim
// then: all that it forks is in there from its first moment.
import { accessSync, constants, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Log } from '../log.ts'

export type Command = readonly [program: string, ...args: string[]]

export interface TasksGroup {
  /** The command as one that joins the group first; as it is when the group is not there. */
  inside(command: Command): Command
}

/**
 * `$$` is the process that becomes the command. A task must not have the agent's protection from the kernel's OOM
 * killer either. Neither is worth not starting for.
 */
const JOIN = '{ echo $$ >>"$0"; echo 0 >/proc/self/oom_score_adj; } 2>/dev/null; exec "$@"'

/** @param directory in a cgroup v2 file system, such as /sys/fs/cgroup/meseta.slice/meseta-tasks.service */
export function tasksGroup(directory: string, log: Pick<Log, 'info' | 'warn'>): TasksGroup {
  const shims = join(directory, 'shims')
  const procs = join(shims, 'cgroup.procs')
  let last: { readonly problem: string | undefined } | undefined
  return {
    inside(command) {
      const problem = open()
      if (last === undefined || last.problem !== problem) say(problem)
      last = { problem }
      return problem === undefined ? ['/bin/sh', '-c', JOIN, procs, ...command] : command
    },
  }

  function say(problem: string | undefined): void {
    if (problem === undefined) log.info('tasks have a control group of their own', { group: shims })
    else log.warn('tasks are started in the agent’s own control group', { problem })
  }

  /** Made anew when its owner was: then it is another group of the same name. */
  function open(): string | undefined {
    try {
      if (!statSync(directory).isDirectory()) return `${directory} is no directory`
      mkdirSync(shims, { recursive: true })
      accessSync(procs, constants.W_OK)
      return undefined
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }
}
