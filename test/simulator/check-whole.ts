// The whole cluster at once, now and then: lists and their digests, tasks and what is wanted, and what must end soon.
import { digestOf } from '../../protocol/digest.ts'
import type { Session, SimFramework } from './framework.ts'
import { isOver, seconds, type View } from './view.ts'

/** After the faults have ended everything is back within this; what is late is judged from then on. */
const SETTLED_MS = 60_000

interface Asked {
  readonly session: Session
  readonly framework: SimFramework
  readonly at: number
  readonly left: Set<string>
}

export class WholeCheck {
  readonly #view: View
  readonly #killedAt = new Map<string, number>()
  /** Agents of which something was written since they were looked at. */
  #touched = new Set<string>()
  #asked: Asked[] = []
  #isRestored = false

  constructor(view: View) {
    this.#view = view
  }

  asks(framework: SimFramework, session: Session, taskIds: readonly string[]): void {
    this.#asked.push({ framework, session, at: this.#view.time.now(), left: new Set(taskIds) })
  }

  answers(session: Session, taskId: string): void {
    for (const asked of this.#asked) if (asked.session === session) asked.left.delete(taskId)
  }

  /** The table knows nothing of a kill that was taken after its moment. */
  restored(asOf: number): void {
    this.#isRestored = true
    for (const [key, at] of this.#killedAt) if (at >= asOf) this.#killedAt.delete(key)
  }

  touched(agentId: string): void {
    this.#touched.add(agentId)
  }

  killed(key: string): void {
    // Of a task that a restored table has forgotten nothing can be taken down; its framework says it again.
    if (this.#isRestored && !this.#view.tasks.has(key)) return
    if (!this.#killedAt.has(key)) this.#killedAt.set(key, this.#view.time.now())
  }

  often(): void {
    this.#checkLists()
    this.#checkTasks()
    this.#checkAsked()
  }

  /** The digest of a ledger is that of the list beside it, and each entry of the list is about a task. */
  #checkLists(): void {
    const { ledgers, runs, tasks, frameworks, violated } = this.#view
    const touched = this.#touched
    this.#touched = new Set()
    for (const agentId of touched) {
      const ledger = ledgers.get(agentId)
      if (ledger === undefined) continue
      const { digest, openWork, life } = ledger
      const own = runs.get(agentId)
      if (openWork !== undefined || life === 'gone' || life === 'removed') continue
      if (digestOf(own?.values() ?? []) !== digest)
        violated('S18', `the digest of ${agentId} is not that of its list`, agentId)
      for (const [key, { frameworkId }] of own ?? []) {
        const isAlive = frameworks.get(frameworkId)?.state !== 'removed'
        if (isAlive && tasks.get(key)?.agentId !== agentId)
          violated('S3', `${key} is wanted on ${agentId} and is not its task`, key, agentId)
      }
    }
  }

  /** S3: what lives is on its agent's list. L1, L3: what was begun or killed is answered soon. */
  #checkTasks(): void {
    const { frameworks, ledgers, runs, tasks, settings, time, quietSince, violated } = this.#view
    const boundMs = 2 * settings.profile.timeoutMs + 60_000
    const calmFrom = quietSince === undefined ? Number.POSITIVE_INFINITY : quietSince + SETTLED_MS
    const isLate = (since: number) => time.now() - Math.max(since, calmFrom) > boundMs
    for (const [key, task] of tasks) {
      if (task.standing !== 'live' || isOver(task)) continue
      const ledger = ledgers.get(task.agentId)
      if (ledger?.life !== 'active' || ledger.openWork !== undefined) continue
      // After a removal the task's own item ends in a later piece; that it does is seen at the end.
      const isOwned = frameworks.get(task.frameworkId)?.state !== 'removed'
      if (isOwned && runs.get(task.agentId)?.has(key) !== true)
        violated('S3', `${key} is ${task.mesos.state} and not on the list of its agent`, key, task.agentId)
      const { createdAt, mesos } = task
      if (mesos.state === 'TASK_STAGING' && task.lastUpdate === 0 && isLate(createdAt))
        violated('L1', `${key} is not confirmed for ${seconds(time.now() - createdAt)}`, key, task.agentId)
      const killedAt = this.#killedAt.get(key)
      if (killedAt !== undefined && isLate(killedAt))
        violated(
          'L3',
          `${key} is ${mesos.state} ${seconds(time.now() - killedAt)} after its KILL`,
          key,
          task.agentId,
        )
    }
  }

  /** L4. */
  #checkAsked(): void {
    const { time, quietSince, violated } = this.#view
    const now = time.now()
    const late = this.#asked.filter(({ at }) => now - at > 60_000)
    this.#asked = this.#asked.filter(({ at }) => now - at <= 60_000)
    for (const { session, framework, left, at } of late) {
      const wasQuiet = quietSince !== undefined && at > quietSince + SETTLED_MS
      if (!wasQuiet || !session.isOpen || framework.session !== session || left.size === 0) continue
      const ids = [...left].map((id) => `${session.frameworkId}/${id}`)
      violated('L4', `${framework.name} asked about ${[...left].join(' ')} and hears nothing`, ...ids)
    }
  }
}
