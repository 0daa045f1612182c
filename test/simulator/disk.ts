// An agent's checkpoint in memory, written and replayed by the agent's own log; it outlives the process.

import type { Remembered } from '../../agent/checkpoint.ts'
import { readJson, writeJson } from '../../agent/exact-json.ts'
import type { AgentState, ExecutorRecord } from '../../agent/state.ts'
import { type LaunchEntry, launchEntryOf, replay } from '../../agent/task-log.ts'
import type { Save, TaskLogEntry } from '../../agent/turn.ts'
import type { AgentDrain, ExecutorExit } from '../../protocol/agent-messages.ts'
import type { AgentInfo, FrameworkInfo } from '../../protocol/messages.ts'

export class Disk {
  #position = '{"incarnation":0,"applied":0}'
  #exits = '[]'
  #drain: string | undefined
  readonly #frameworks = new Map<string, string>()
  readonly #executors = new Map<string, string>()
  readonly #tasks = new Map<string, string[]>()
  info: AgentInfo | undefined

  write(saves: readonly Save[], state: AgentState): void {
    for (const save of saves) this.#writeOne(save, state)
  }

  #writeOne(save: Save, state: AgentState): void {
    switch (save.save) {
      case 'position': {
        const { agentId, incarnation, applied } = state
        this.#position = writeJson({ agentId, incarnation, applied })
        return
      }
      case 'drain':
        this.#drain = state.drain === undefined ? undefined : writeJson(state.drain)
        return
      case 'exits':
        this.#exits = writeJson(state.exits)
        return
      case 'task': {
        const task = state.tasks.get(save.task)
        if (task === undefined) this.#tasks.delete(save.task)
        else this.#tasks.set(save.task, [writeJson(launchEntryOf(task))])
        return
      }
      case 'task-log':
        this.#tasks.get(save.task)?.push(writeJson(save.entry))
        return
      case 'forget-task':
        this.#tasks.delete(save.task)
        return
      case 'framework':
        put(this.#frameworks, save.frameworkId, state.frameworks.get(save.frameworkId))
        return
      case 'forget-framework':
        this.#frameworks.delete(save.frameworkId)
        return
      case 'executor':
        put(this.#executors, save.executor, state.executors.get(save.executor))
        return
      case 'forget-executor':
        this.#executors.delete(save.executor)
        return
    }
  }

  forgetAll(): void {
    this.#position = '{"incarnation":0,"applied":0}'
    this.#exits = '[]'
    this.#drain = undefined
    for (const map of [this.#frameworks, this.#executors, this.#tasks]) map.clear()
  }

  /** What was written is read back as the same types. */
  read(): Remembered {
    return {
      position: readJson(this.#position) as Remembered['position'],
      info: this.info,
      bootId: 'boot',
      frameworks: [...this.#frameworks.values()].map((text) => readJson(text) as FrameworkInfo),
      executors: [...this.#executors.values()].map((text) => readJson(text) as ExecutorRecord),
      exits: readJson(this.#exits) as ExecutorExit[],
      drain: this.#drain === undefined ? undefined : (readJson(this.#drain) as AgentDrain),
      tasks: [...this.#tasks.values()].map(([launch = '', ...entries]) =>
        replay(
          readJson(launch) as LaunchEntry,
          entries.map((entry) => readJson(entry) as TaskLogEntry),
        ),
      ),
      skipped: [],
    }
  }
}

function put(map: Map<string, string>, key: string, value: unknown): void {
  if (value === undefined) map.delete(key)
  else map.set(key, writeJson(value))
}
