// A digest of the tasks on an agent, kept on both sides and compared: equal digests mean equal lists.
//
// It is the exclusive or of one hash per task, so that adding or removing a task is one step and order is nothing.
// 64 bits as 16 hexadecimal digits; a list of n tasks agrees by chance once in 2^64.
import { hash } from 'node:crypto'

export const EMPTY_DIGEST = '0000000000000000'

/** Adds a task to a digest, or takes it out again: both are the same step. */
export function toggled(
  digest: string,
  task: { readonly frameworkId: string; readonly taskId: string; readonly launchGeneration: number },
): string {
  const text = `${task.frameworkId}/${task.taskId}/${task.launchGeneration}`
  const own = hash('sha256', text, 'hex').slice(0, 16)
  return (BigInt(`0x${digest}`) ^ BigInt(`0x${own}`)).toString(16).padStart(16, '0')
}

/** The digest of a whole list. */
export function digestOf(tasks: Iterable<Parameters<typeof toggled>[1]>): string {
  let digest = EMPTY_DIGEST
  for (const task of tasks) digest = toggled(digest, task)
  return digest
}
