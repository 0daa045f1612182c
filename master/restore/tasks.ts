// Tasks of a restored table, beside what should stand with each: its RUN item, and its head of custody in the mailbox.
//
// One transaction writes them together, and a table restored to a moment within it has some and not the others
// (restore-tears-a-transaction). The task is what counts.
import { unallocate } from '../../protocol/resources.ts'
import { headMail } from '../agents/custody.ts'
import type { Context } from '../context.ts'
import type { Change } from '../decision.ts'
import { LAUNCH_ANSWER_MS } from '../limits.ts'
import type { Framework, Mail, Run, Task } from '../model.ts'
import { isTerminal } from '../task-state.ts'

/** What is missing beside a task. Each change is a commit of its own, conditional on what was read. */
export function missingOf(
  task: Task,
  beside: { readonly run: Run | undefined; readonly update: Mail | undefined },
  framework: Framework,
  context: Context,
): Change[] {
  if (task.standing !== 'live' || framework.state === 'removed') return []
  const changes: Change[] = []
  // Without it nobody would ask the agent for the task, nor say that it is gone. It starts nothing: its incarnation is over.
  if (!isTerminal(task.mesos.state) && beside.run === undefined) {
    changes.push({ do: 'put', kind: 'run', item: runOf(task, context), when: { name: 'absent' } })
  }
  const head = task.custody[0]
  if (head !== undefined && !isHead(beside.update, task)) changes.push(...headMail(task, framework, context))
  return changes
}

/** True of an update in the mailbox that no custody speaks of: nobody could ever acknowledge it. */
export function isStray(mail: Mail, task: Task | undefined): boolean {
  if (mail.body.kind !== 'update') return false
  // Of a task out of reach nothing is said again before its return (resend-after-unreachable).
  return task === undefined || task.standing !== 'live' || !isHead(mail, task)
}

/** The task a letter about an update is of. */
export function taskIdOf({ body }: Mail): string | undefined {
  return body.kind === 'update' ? body.status.task_id.value : undefined
}

function isHead(mail: Mail | undefined, { custody }: Task): boolean {
  const head = custody[0]
  if (mail?.body.kind !== 'update' || head === undefined) return false
  return mail.body.number === head.number && mail.body.status.uuid === head.uuid
}

function runOf(task: Task, { now }: Context): Run {
  const { mesos } = task
  return {
    version: 0,
    agentId: task.agentId,
    frameworkId: task.frameworkId,
    taskId: task.taskId,
    wanted: 'run',
    launchIncarnation: task.launchIncarnation,
    launchGeneration: task.launchGeneration,
    role: task.role,
    task: {
      name: mesos.name,
      task_id: mesos.task_id,
      agent_id: mesos.agent_id,
      resources: mesos.resources,
    },
    kills: 0,
    charged: unallocate(mesos.resources ?? []),
    acceptId: task.acceptId,
    answerBy: now + LAUNCH_ANSWER_MS,
  }
}
