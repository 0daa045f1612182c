// `meseta task logs` and `task kill`.
import { isTerminal, readFile, sandboxPath } from './cluster.ts'
import { CommandError, EXIT } from './exit-codes.ts'
import { followFile } from './follow.ts'
import { callJson } from './http.ts'
import { locateTask } from './lists.ts'
import { harmless } from './printing.ts'

const STATE_LOOK_MS = 1_000

/** Prints a task's stdout or stderr; with `follow` until it has ended or is interrupted. */
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
  await Promise.race([interrupted(), untilEnded(master, task.id)])
  await follower.finish()
}

function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve())
  })
}

/** A task that has ended writes nothing any more. */
async function untilEnded(master: string, id: string): Promise<void> {
  for (;;) {
    const { task } = await locateTask(master, id)
    if (isTerminal(task.state)) return
    await new Promise((resolve) => setTimeout(resolve, STATE_LOOK_MS))
  }
}

/** Kills a task on its framework's behalf, by the operator's right to do so. */
export async function killTask(master: string, id: string): Promise<void> {
  const { task } = await locateTask(master, id)
  await callJson(`${master}/api/v1/meseta`, {
    type: 'KILL_TASK',
    kill_task: { framework_id: { value: task.framework_id }, task_id: { value: task.id } },
  })
  const shown = harmless(task.id)
  console.log(`asked ${shown} to end; \`npx meseta task inspect ${shown}\` shows when it has`)
}
