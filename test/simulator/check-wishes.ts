// Who may want what: tasks are stopped by their framework, an operator or a deadline, and only live frameworks begin any.
import type { Run, Task } from '../../master/model.ts'
import { clocksMs, type View } from './view.ts'

export class WishCheck {
  readonly #view: View
  /** `framework/task` of every KILL that was sent. */
  readonly #killed = new Set<string>()
  readonly #drained = new Set<string>()

  constructor(view: View) {
    this.#view = view
  }

  killing(key: string): void {
    this.#killed.add(key)
  }

  draining(agentId: string): void {
    this.#drained.add(agentId)
  }

  /** S9. */
  onRun(run: Run, before: Run | undefined): void {
    const { frameworks, ledgers, time, settings, violated } = this.#view
    if (run.wanted === 'run' || run.wanted === before?.wanted) return
    const key = `${run.frameworkId}/${run.taskId}`
    const framework = frameworks.get(run.frameworkId)
    if (framework === undefined || framework.state === 'removed') return
    const isDrained = ledgers.get(run.agentId)?.drain !== undefined && this.#drained.has(run.agentId)
    const isOverdue = (before ?? run).answerBy <= time.now() + clocksMs(settings)
    const mayStop = this.#killed.has(key) || isDrained || isOverdue
    if (run.wanted === 'stop' && mayStop) return
    violated('S9', `${key} is to ${run.wanted}, and nobody asked for it`, key, run.agentId)
  }

  /** S17: a removed framework begins nothing any more (accept-after-teardown). */
  onTask(key: string, task: Task, before: Task | undefined, isShut: (frameworkId: string) => boolean): void {
    if (before !== undefined || task.standing !== 'live' || !isShut(task.frameworkId)) return
    const framework = this.#view.frameworks.get(task.frameworkId)
    if (framework?.state === 'removed')
      this.#view.violated('S17', `${key} begins after its framework was removed`, key, task.frameworkId)
  }
}
