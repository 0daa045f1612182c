// An environment in memory with agents and frameworks in its table, for tests of the allocator.
import type { Environment } from '../../../functions/environment.ts'
import { inProcessBells } from '../../../functions/ports/bells.ts'
import { randomIds } from '../../../functions/ports/ids.ts'
import { jsonLog } from '../../../functions/ports/log.ts'
import { memoryQueues } from '../../../functions/ports/queues-memory.ts'
import type { AgentView } from '../../../master/allocator/allocate.ts'
import type { Change } from '../../../master/decision.ts'
import type { Framework, Ledger, Mail } from '../../../master/model.ts'
import { localSettings } from '../../../master/settings.ts'
import type { Clock } from '../../../protocol/clock.ts'
import { memoryStore } from '../../../store/memory.ts'
import { all, type Store } from '../../../store/store.ts'

export interface Place {
  readonly env: Environment
  readonly clock: StoppedClock
  put(...things: readonly (AgentView | Framework)[]): Promise<void>
  ledger(agentId: string): Promise<Ledger>
  mail(frameworkId: string): Promise<readonly Mail[]>
}

/** Time moves only when a test moves it; waits end at once. */
export interface StoppedClock extends Clock {
  time: number
}

export function place(wrap: (store: Store) => Store = (store) => store): Place {
  const clock: StoppedClock = {
    time: 1_700_000_000_000,
    now: () => clock.time,
    after(_ms, action) {
      const pending = setImmediate(action)
      return () => clearImmediate(pending)
    },
  }
  const store = wrap(memoryStore({ clock }))
  const env: Environment = {
    store,
    queues: memoryQueues(clock),
    clock,
    ids: randomIds,
    settings: localSettings('default'),
    log: jsonLog({ level: 'silent' }),
    bells: inProcessBells(clock),
    cluster: { id: 'cluster', timeline: 0 },
  }
  return {
    env,
    clock,
    async put(...things) {
      for (const thing of things)
        await store.commit('ledger' in thing ? ofAgent(thing) : ofFramework(thing), randomIds.uuid())
    },
    async ledger(agentId) {
      const found = await store.get('ledger', { agentId })
      if (found === undefined) throw new Error(`no agent ${agentId}`)
      return found
    },
    async mail(frameworkId) {
      return (await all(store, 'mail', { frameworkId, shard: 0 })).map(({ item }) => item)
    },
  }
}

function ofAgent({ ledger, entry }: AgentView): readonly Change[] {
  return [
    { do: 'put', kind: 'ledger', item: { ...ledger, version: 0 }, when: { name: 'anything' } },
    { do: 'put', kind: 'agent', item: { ...entry, version: 0 }, when: { name: 'anything' } },
  ]
}

function ofFramework(framework: Framework): readonly Change[] {
  const { frameworkId, epoch } = framework
  const gate = { version: 0, frameworkId, index: 0, epoch, removed: framework.state === 'removed' }
  return [
    { do: 'put', kind: 'framework', item: framework, when: { name: 'anything' } },
    { do: 'put', kind: 'gate', item: gate, when: { name: 'anything' } },
  ]
}
