// Mail: what leaves a mailbox was said first, and of every agent that is lost each framework hears (S7, F6).
import type { Mail } from '../../master/model.ts'
import type { SchedulerEvent, TaskStatus } from '../../protocol/messages.ts'
import type { Session, SimFramework } from './framework.ts'
import { isOver, type View } from './view.ts'

/** A loss is told within this, in time without outages. */
const TOLD_MS = 240_000

interface Expected {
  readonly framework: SimFramework
  readonly session: Session
  readonly agentId: string
  readonly at: number
}

export class WordCheck {
  readonly #view: View
  /** Words in mailboxes, by framework and key. */
  readonly #words = new Map<string, TaskStatus>()
  readonly #said = new Set<string>()
  #expected: Expected[] = []

  constructor(view: View) {
    this.#view = view
  }

  put({ frameworkId, key, body }: Mail): void {
    if (body.kind === 'word') this.#words.set(`${frameworkId} ${key}`, body.status)
  }

  /** Whoever was to be told has a new session by now, and reconciles. */
  restored(): void {
    this.#expected = []
  }

  /** A mailbox of a restored table, which may hold again what was said. */
  restoredMail(was: Mail | undefined, is: Mail | undefined): void {
    if (was !== undefined) this.#words.delete(`${was.frameworkId} ${was.key}`)
    if (is !== undefined) this.put(is)
  }

  /** As it goes onto the wire: whether anybody hears it is another matter. */
  written(frameworkId: string, { update }: SchedulerEvent): void {
    if (update !== undefined && update.status.uuid === undefined)
      this.#said.add(wordOf(frameworkId, update.status))
  }

  removed({ frameworkId, key }: Pick<Mail, 'frameworkId' | 'key'>): void {
    const status = this.#words.get(`${frameworkId} ${key}`)
    this.#words.delete(`${frameworkId} ${key}`)
    if (status === undefined || this.#said.has(wordOf(frameworkId, status))) return
    const framework = this.#view.frameworks.get(frameworkId)
    if (framework === undefined || framework.state === 'removed') return
    const name = `${frameworkId}/${status.task_id.value}`
    const task = this.#view.tasks.get(name)
    // Its end, which is in custody or acknowledged, says more than any word before it.
    if (task !== undefined && isOver(task)) return
    this.#view.violated('S7', `${status.state} of ${name} leaves the mailbox and was never said`, name)
  }

  lost(agentId: string, listening: Iterable<readonly [SimFramework, Session]>): void {
    const at = this.#view.time.now()
    for (const [framework, session] of listening) this.#expected.push({ framework, session, agentId, at })
  }

  heard(framework: SimFramework, { failure }: SchedulerEvent): void {
    if (failure?.agent_id === undefined || failure.executor_id !== undefined) return
    const agentId = failure.agent_id.value
    this.#expected = this.#expected.filter((one) => one.framework !== framework || one.agentId !== agentId)
  }

  often(): void {
    const { weather, violated } = this.#view
    this.#expected = this.#expected.filter(({ framework, session }) => framework.session === session)
    for (const { framework, agentId, at } of this.#expected) {
      if (weather.longestClear(at) > TOLD_MS)
        violated('S7', `${framework.name} is not told that ${agentId} is lost (F6)`, agentId, framework.name)
    }
  }
}

function wordOf(frameworkId: string, { task_id, state, reason, timestamp }: TaskStatus): string {
  return [frameworkId, task_id.value, state, reason ?? '', timestamp ?? ''].join(' ')
}
