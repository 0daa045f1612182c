// The last look, after a long quiet: frameworks, control plane, agents and containers agree, and nothing is left open (F61).
import type { SimFramework } from './framework.ts'
import type { Machine } from './machine.ts'
import { isOver, type View } from './view.ts'

export class EndCheck {
  readonly #view: View

  constructor(view: View) {
    this.#view = view
  }

  /** At the end of a long quiet time: the three views agree, nothing leaks, nothing is left open. */
  all(frameworks: readonly SimFramework[], machines: readonly Machine[], quietMs: number): void {
    const live = [...this.#view.tasks].filter(([, task]) => task.standing !== 'finished' && !isOver(task))
    const running = new Map<string, Machine[]>()
    for (const machine of machines)
      for (const task of machine.running()) running.set(task, [...(running.get(task) ?? []), machine])
    for (const [key, where] of running) {
      const task = this.#view.tasks.get(key)
      if (where.length > 1)
        this.#view.violated('S3', `${key} runs on ${where.map(({ name }) => name).join(' and ')}`, key)
      const frameworkId = key.slice(0, key.indexOf('/'))
      if (this.#view.frameworks.get(frameworkId)?.state === 'removed')
        this.#view.violated('S17', `${key} runs on ${where[0]?.name}, its framework is removed (F55)`, key)
      if (task === undefined || task.standing === 'finished' || isOver(task))
        this.#view.violated(
          'F61',
          `${key} runs on ${where[0]?.name} but the control plane has ${task?.mesos.state ?? 'nothing'}`,
          key,
        )
    }
    for (const [key, task] of live) {
      if (task.standing === 'lost') {
        const ledger = this.#view.ledgers.get(task.agentId)
        if (ledger?.life === 'active')
          this.#view.violated('L1', `${key} is lost but its agent is back`, key, task.agentId)
        continue
      }
      if (!running.has(key))
        this.#view.violated(
          'L1',
          `${key} is ${task.mesos.state} in the control plane and runs nowhere`,
          key,
          task.agentId,
        )
      else if (task.mesos.state !== 'TASK_RUNNING')
        this.#view.violated('L1', `${key} runs but is ${task.mesos.state}`, key, task.agentId)
    }
    for (const [key, task] of this.#view.tasks)
      if (task.custody.length > 0) {
        const framework = frameworks.find(({ frameworkId }) => frameworkId === task.frameworkId)
        if (framework !== undefined)
          this.#view.violated(
            'S5',
            `${key} still has ${task.custody.length} updates nobody acknowledged, head ${task.custody[0]?.status.state}`,
            key,
            task.agentId,
          )
      }
    for (const framework of frameworks) this.#compare(framework, quietMs)
    for (const ledger of this.#view.ledgers.values()) {
      if (ledger.openWork !== undefined || ledger.life === 'returning')
        this.#view.violated('L1', `work is left open on ${ledger.agentId}`, ledger.agentId)
      if (Object.keys(ledger.holds).length > 0)
        this.#view.violated('S18', `a hold is left on ${ledger.agentId}`, ledger.agentId)
    }
    for (const machine of machines) this.#compareAgent(machine)
  }

  #compareAgent(machine: Machine): void {
    const { state, agentId } = machine
    if (state === undefined || agentId === undefined) return
    const ledger = this.#view.ledgers.get(agentId)
    if (ledger?.life !== 'active') {
      this.#view.violated(
        'L1',
        `${machine.name} runs but ${agentId} is ${ledger?.life}`,
        agentId,
        machine.name,
      )
      return
    }
    const wanted = new Set(this.#view.runs.get(agentId)?.keys() ?? [])
    for (const key of state.tasks.keys())
      if (!wanted.has(key))
        this.#view.violated('F61', `${machine.name} has ${key} on record, its list does not`, key, agentId)
    for (const key of wanted)
      if (!state.tasks.has(key))
        this.#view.violated('F61', `${key} is wanted on ${machine.name} and not on record`, key, agentId)
    for (const key of this.#view.executors.get(agentId)?.keys() ?? [])
      if (!state.executors.has(key))
        this.#view.violated(
          'S18',
          `executor ${key} is charged on ${machine.name} and is not there`,
          key,
          agentId,
        )
  }

  #compare(framework: SimFramework, quietMs: number): void {
    const { frameworkId } = framework
    if (frameworkId === undefined || framework.session === undefined) {
      this.#view.violated('L1', `${framework.name} is not subscribed at the end`, framework.name)
      return
    }
    const own = framework.live()
    for (const { taskId, state, killedAt } of own) {
      const key = `${frameworkId}/${taskId}`
      const task = this.#view.tasks.get(key)
      if (task === undefined || task.standing === 'finished' || (isOver(task) && task.custody.length === 0))
        this.#view.violated(
          'F61',
          `${framework.name} believes ${taskId} is ${state}, the control plane has ${task?.mesos.state ?? 'nothing'} (${task?.standing ?? '-'})`,
          key,
        )
      else if (task.standing === 'live' && killedAt !== undefined)
        this.#view.violated(
          'L3',
          `${taskId} of ${framework.name} was to be killed and is ${state}`,
          key,
          task.agentId,
        )
    }
    const known = new Set(own.map(({ taskId }) => taskId))
    for (const [key, task] of this.#view.tasks) {
      if (task.frameworkId !== frameworkId || task.standing !== 'live' || isOver(task)) continue
      if (!known.has(task.taskId))
        this.#view.violated(
          'F61',
          `${key} is ${task.mesos.state} and ${framework.name} believes it over`,
          key,
        )
    }
    // An offer that nobody heard of stands until its timeout.
    const isLongEnough = quietMs > this.#view.settings.offerTimeoutMs + 60_000
    if (isLongEnough && own.length < framework.options.wanted)
      this.#view.violated(
        'L2',
        `${framework.name} has ${own.length} of ${framework.options.wanted} tasks at the end`,
        framework.name,
        frameworkId,
      )
  }
}
