// A checker with a history that is told to it commit by commit, for its own tests.

import { memoryQueues } from '../../functions/ports/queues-memory.ts'
import type { Change, Refs } from '../../master/decision.ts'
import type { CustodyUpdate, ItemKind, Items, Ledger, Run } from '../../master/model.ts'
import { localSettings } from '../../master/settings.ts'
import type { UpdateReport, UpdatesCall } from '../../protocol/agent-messages.ts'
import { digestOf } from '../../protocol/digest.ts'
import type { SchedulerEvent, TaskState, TaskStatus } from '../../protocol/messages.ts'
import { AGENT, cpusMem, EPOCH, NOW, newFramework, newLedger, withOffer } from '../master/calls/world.ts'
import { Checker } from './checker.ts'
import { type Session, SimFramework } from './framework.ts'
import { Machine } from './machine.ts'
import type { Network } from './network.ts'
import { Story } from './story.ts'
import { Chance, VirtualTime } from './virtual-time.ts'
import { Weather } from './weather.ts'

export { NOW }
export const FRAMEWORK = newFramework().frameworkId

export interface History {
  readonly checker: Checker
  readonly weather: Weather
  readonly machine: Machine
  readonly framework: SimFramework
  readonly clock: VirtualTime
  /** Let so many ms go by. */
  readonly pass: (ms: number) => Promise<void>
  readonly commit: (changes: readonly Change[]) => void
  readonly put: <K extends ItemKind>(kind: K, item: Items[K]) => void
  readonly remove: <K extends ItemKind>(kind: K, item: Refs[K]) => void
  readonly subscribes: () => Session
  readonly hears: (event: SchedulerEvent, session?: Session) => void
  readonly beats: (agentId?: string) => void
  readonly kills: (taskId: string) => void
  readonly updates: (updates: readonly UpdateReport[]) => UpdatesCall
  readonly reports: (number: number, uuid: string) => void
}

export function history(): History {
  const time = new VirtualTime(NOW)
  const chance = new Chance(1)
  const story = new Story(time)
  const weather = new Weather(time)
  const checker = new Checker({ time, story, weather, settings: localSettings('mesos') })
  const network: Network = {
    ...{ time, chance, weather },
    plane: () => {
      throw new Error('nobody is asked here')
    },
  }
  const queues = memoryQueues(time)
  const info = { hostname: 'host', port: 5051 }
  const machine = new Machine({
    ...{ name: 'host', info, network, queues, story, weather },
    ...{ lastEnd: NOW, observer: checker },
  })
  const framework = new SimFramework({
    ...{ name: 'framework', network, story, observer: checker, info: newFramework().info },
    ...{ wanted: 1, cpusPerTask: 1, lastEnd: NOW, stillFrom: NOW },
  })
  framework.frameworkId = FRAMEWORK
  let sessions = 0
  const commit = (changes: readonly Change[]) => checker.committed(changes)
  const subscribes = (): Session => {
    const number = ++sessions
    const closing = new AbortController()
    const session = { number, frameworkId: FRAMEWORK, streamId: `stream-${number}`, closing, isOpen: true }
    framework.session = session
    framework.lastConnectedAt = time.now()
    checker.subscribed(framework, session)
    return session
  }
  const updates = (reports: readonly UpdateReport[]): UpdatesCall => ({
    ...{ type: 'UPDATES', agentId: AGENT, incarnation: 1, applied: 0 },
    ...{ updates: reports, exits: [], messages: [] },
  })
  return {
    ...{ checker, weather, machine, framework, clock: time, commit, subscribes, updates },
    pass: (ms) => time.run(time.now() + ms, () => true),
    // Kind and item are of one another.
    put: (kind, item) => commit([{ do: 'put', kind, item, when: { name: 'anything' } } as Change]),
    remove: (kind, item) => commit([{ do: 'remove', kind, item, when: { name: 'anything' } } as Change]),
    hears: (event, session) => checker.heard(framework, session ?? framework.session ?? subscribes(), event),
    beats: (agentId = AGENT) => checker.beat(agentId),
    kills: (taskId) => {
      const session = framework.session ?? subscribes()
      const task_id = { value: taskId }
      const call = { type: 'KILL', framework_id: { value: FRAMEWORK }, kill: { task_id } } as const
      checker.sent(framework, session, call)
      checker.answered(framework, session, call, 202)
    },
    reports: (number, uuid) => {
      const about = { frameworkId: FRAMEWORK, taskId: 't1', launchIncarnation: 1, launchGeneration: 1 }
      const report: UpdateReport = {
        ...{ ...about, number, latestState: 'TASK_RUNNING' },
        status: { ...status('TASK_RUNNING'), uuid },
      }
      checker.called(machine, updates([report]))
    },
  }
}

/** The agent's ledger with all of it in one offer to the framework, and the event that says so. */
export function firstOffer(): { readonly ledger: Ledger; readonly event: SchedulerEvent } {
  const { ledger, offerId } = withOffer(newLedger(), newFramework(), { epoch: EPOCH })
  const offer = {
    id: { value: offerId },
    framework_id: { value: FRAMEWORK },
    agent_id: { value: AGENT },
    hostname: 'host',
  }
  return { ledger, event: { type: 'OFFERS', offers: { offers: [offer] } } }
}

/** A ledger that fits these runs. */
export function digestedLedger(runs: readonly Run[]): Ledger {
  const cpus = runs.length
  return newLedger({ digest: digestOf(runs), sums: { [FRAMEWORK]: { dev: cpusMem(cpus, 128 * cpus) } } })
}

export function status(state: TaskState): TaskStatus {
  return { task_id: { value: 't1' }, agent_id: { value: AGENT }, state, timestamp: NOW / 1000 }
}

export function update(number: number, state: TaskState = 'TASK_RUNNING'): CustodyUpdate {
  const uuid = `uuid-${number}`
  return { number, uuid, status: { ...status(state), uuid }, at: NOW }
}
