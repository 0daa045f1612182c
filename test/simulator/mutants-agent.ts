// Planted bugs of agents: nudges out of turn, answers misread, a disk that forgets.
import type { Mutant } from './mutants.ts'

const RESTARTS = { killAgent: 6, loseMachine: 1, partition: 2, killHost: 1 }

export const AGENT_MUTANTS: readonly Mutant[] = [
  {
    name: 'agent-ignores-generations',
    what: 'an agent takes every nudge for the next one',
    agentMutation: {
      nudge(nudge, state) {
        if (nudge.kind !== 'changes') return nudge
        const generation = state.applied + 1
        const { incarnation } = state
        const tasks = nudge.tasks.map((task) => ({
          ...task,
          launchIncarnation: incarnation,
          launchGeneration: generation,
        }))
        return { ...nudge, incarnation, generation, tasks }
      },
    },
  },
  {
    name: 'agent-drops-unanswered-updates',
    what: 'an agent forgets updates once they are sent, whether or not they are answered',
    agentMutation: {
      unanswered: (call) =>
        call.type === 'UPDATES'
          ? { kind: 'answered', generation: call.applied, results: call.updates.map(() => 'taken') }
          : undefined,
    },
    ground: { faults: RESTARTS },
  },
  {
    name: 'agent-forgets-tasks',
    what: 'an agent that starts again does not read the records of its tasks',
    agentMutation: { remembered: (remembered) => ({ ...remembered, tasks: [] }) },
    ground: { faults: RESTARTS },
  },
  {
    name: 'agent-numbers-anew',
    what: 'an agent that starts again has lost the last entry of each log',
    agentMutation: {
      remembered: (remembered) => ({
        ...remembered,
        tasks: remembered.tasks.map((task) =>
          task.pending.length === 0
            ? task
            : { ...task, pending: task.pending.slice(0, -1), lastUpdate: task.lastUpdate - 1 },
        ),
      }),
    },
    ground: { faults: { ...RESTARTS, storeAway: 3 } },
  },
]
