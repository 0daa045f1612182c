// Brings each action to the one who does it: containers and streams, the link, the log, the end of the process.
import type { Link } from './link.ts'
import type { Log } from './log.ts'
import type { Performer } from './performer.ts'
import type { AgentState } from './state.ts'
import type { Action } from './turn.ts'

export interface DispatchOptions {
  readonly state: AgentState
  readonly log: Log
  readonly performer: Performer
  /** Undefined until what runs here was found again. */
  readonly link: () => Link | undefined
  readonly endProcess: (why: string) => void
}

export type Dispatch = (action: Exclude<Action, { action: 'timer' | 'cancel' }>) => void

/** What has gone from the record since it was decided on is not done. */
export function dispatcher({ state, log, performer, link, endProcess }: DispatchOptions): Dispatch {
  return (action) => {
    switch (action.action) {
      case 'launch-task': {
        const task = state.tasks.get(action.task)
        if (task !== undefined) performer.launchTask(task)
        return
      }
      case 'launch-executor': {
        const executor = state.executors.get(action.executor)
        if (executor !== undefined) performer.launchExecutor(executor)
        return
      }
      case 'probe': {
        const task = state.tasks.get(action.task)
        if (task !== undefined) performer.probe(task, action.probe)
        return
      }
      case 'report':
        link()?.reporter.wake()
        return
      case 'call':
        link()?.reporter.call()
        return
      case 'sync':
        link()?.sync()
        return
      case 'register':
        link()?.registerAgain()
        return
      case 'end-process':
        log.warn('the control plane ends this agent', { why: action.why })
        endProcess(action.why)
        return
      case 'log':
        log[action.level](action.text, action.about)
        return
      default:
        performer.perform(action)
    }
  }
}
