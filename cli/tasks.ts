// `meseta task logs` and `task kill`.
import { readFile, sandboxPath } from './cluster.ts'
import { CommandError, EXIT } from './exit-codes.ts'
import { followFile } from './follow.ts'
import { callJson } from './http.ts'
import { locateTask } from './lists.ts'

/** Prints a task's stdout or stderr; with `follow` until interrupted. */
export async function taskLogs(
  master: string,
  id: string,
  options: { readonly follow: boolean; readonly stderr: boolean },
): Promise<void> {
  const { task, agent } = await locateTask(master, id)
  if (agent === undefined) {
    throw new CommandError(
      `the agent of ${task.id} is not registered now, so its sandbox cannot be read; try again when it is back`,
      EXIT.unreachable,
    )
  }
  const path = `${sandboxPath(task)}/${options.stderr ? 'stderr' : 'stdout'}`
  if (!options.follow) {
    let offset = 0
    for (;;) {
      const { data, size } = await readFile(agent, path, offset)
      process.stdout.write(data)
      offset += data.length
      if (data.length === 0 || offset >= size) return
    }
  }
  const follower = followFile(agent, path, process.stdout)
  await new Promise<void>((resolve) => process.once('SIGINT', resolve))
  await follower.finish()
}

/** Kills a task on its framework's behalf, by the operator's right to do so. */
export async function killTask(master: string, id: string): Promise<void> {
  const { task } = await locateTask(master, id)
  await callJson(`${master}/api/v1/meseta`, {
    type: 'KILL_TASK',
    kill_task: { framework_id: { value: task.framework_id }, task_id: { value: task.id } },
  })
  console.log(`asked ${task.id} to end; \`npx meseta task inspect ${task.id}\` shows when it has`)
}
