// The pure agent under test: inputs go in, what it saves and does is gathered, time is a number.
import { decide } from '../../agent/agent.ts'
import { type AgentState, emptyState } from '../../agent/state.ts'
import type { Action, Input, Save, Turn } from '../../agent/turn.ts'
import type { AgentDrain, Nudge, UpdateReport, WantedTask } from '../../protocol/agent-messages.ts'
import { framework, wanted } from './tasks.ts'

export interface Machine {
  readonly state: AgentState
  now: number
  actions: Action[]
  saves: Save[]
  put(input: Input): Action[]
  nudge(
    generation: number,
    tasks: readonly WantedTask[],
    more?: Partial<Extract<Nudge, { kind: 'changes' }>>,
  ): Action[]
  list(generation: number, tasks: readonly WantedTask[], incarnation?: number): Action[]
  /** A list that says that the agent is drained, or not any more. */
  drainList(generation: number, tasks: readonly WantedTask[], drain: AgentDrain | undefined): Action[]
  /** Launched containers by their task, in order. */
  launched(): string[]
  updates(taskId: string): UpdateReport[]
  states(taskId: string): string[]
  /** Takes everything pending into custody. */
  takeAll(): void
  containerOf(taskId: string): string
}

export const INCARNATION = 7

/** Registered under incarnation 7 with generation `applied` on disk. */
export function registeredMachine(applied = 0): Machine {
  const machine = newMachine()
  machine.put({ input: 'recovered', containers: new Map(), rebooted: false })
  register(machine, INCARNATION)
  if (applied > 0) machine.list(applied, [])
  machine.actions = []
  return machine
}

export function register(machine: Machine, incarnation: number, generation = 0): void {
  machine.put({
    input: 'registered',
    answer: {
      kind: 'registered',
      agentId: 'm-S1',
      incarnation,
      generation,
      beats: { queueUrl: 'b', group: '0', intervalMs: 1_000 },
      commands: { queueUrl: 'c' },
      silenceMs: 60_000,
    },
  })
}

/** @param write what is saved is handed here as well, as the agent would write it down */
export function newMachine(
  state: AgentState = emptyState(),
  write: (saves: readonly Save[], state: AgentState) => void = () => {},
): Machine {
  let ids = 0
  const made: UpdateReport[] = []
  const machine: Machine = {
    state,
    now: 1_000_000,
    actions: [],
    saves: [],
    put(input) {
      const from = machine.actions.length
      decide(turn(), input)
      write(machine.saves, state)
      for (const save of machine.saves.splice(0)) {
        if (save.save === 'task-log' && 'update' in save.entry) made.push(save.entry.update)
      }
      return machine.actions.slice(from)
    },
    nudge(generation, tasks, more = {}) {
      const nudge: Nudge = {
        kind: 'changes',
        incarnation: INCARNATION,
        generation,
        tasks,
        dropped: [],
        frameworks: [framework()],
        endExecutors: [],
        ...more,
      }
      return machine.put({ input: 'nudge', nudge })
    },
    list(generation, tasks, incarnation = INCARNATION) {
      const list = { kind: 'wanted' as const, generation, tasks, frameworks: [framework()], endExecutors: [] }
      return machine.put({ input: 'list', list, incarnation })
    },
    drainList(generation, tasks, drain) {
      const list = { kind: 'wanted' as const, generation, tasks, frameworks: [framework()], endExecutors: [] }
      return machine.put({
        input: 'list',
        list: drain === undefined ? list : { ...list, drain },
        incarnation: INCARNATION,
      })
    },
    launched: () =>
      machine.actions.flatMap((action) =>
        action.action === 'launch-task' ? [action.task.slice(action.task.indexOf('/') + 1)] : [],
      ),
    updates: (taskId) => made.filter((update) => update.taskId === taskId),
    states: (taskId) => machine.updates(taskId).map((update) => update.status.state),
    takeAll() {
      const pending = [...state.tasks.values()].flatMap((task) =>
        task.pending.map((update) => ({ key: task.key, number: update.number })),
      )
      machine.put({
        input: 'handed-in',
        updates: pending,
        results: pending.map(() => 'taken'),
        exits: [],
        messages: 0,
        generation: state.applied,
      })
    },
    containerOf(taskId) {
      const task = state.tasks.get(`f/${taskId}`)
      if (task === undefined) throw new Error(`${taskId} is not on record`)
      return task.containerId.value
    },
  }
  return machine

  function turn(): Turn {
    return {
      state,
      now: machine.now,
      newUuid: () => Buffer.from(`uuid-${String(++ids).padStart(11, '0')}`).toString('base64'),
      newContainerId: () => `c${++ids}`,
      ip: '10.0.0.1',
      agentInfo: () => ({ hostname: 'h', id: { value: state.agentId ?? '' } }),
      save: (save) => machine.saves.push(save),
      act: (action) => machine.actions.push(action),
    }
  }
}

/** A task as wanted at a generation of incarnation 7. */
export function wantedAt(
  taskId: string,
  launchGeneration: number,
  more: Partial<WantedTask> = {},
): WantedTask {
  return { ...wanted(taskId, 'true'), launchIncarnation: INCARNATION, launchGeneration, ...more }
}
